"""Fourteen methods on one prediction of a trained network, each beside the sum of effects that it is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import TaylorAttrWarning

SMOOTH_GRAD_ORDER = 3
"""Largest |κ| for SmoothGrad: its noise is drawn for every feature, so its terms are those of all 30 features
(5,455 up to order 3, 46,375 up to order 4), not of 10 measurements."""

OPTIONS: dict[str, dict[str, Any]] = {
    "smooth_grad": {"stdev": 0.05, "n_samples": 2000},
    "expected_gradients": {"mode": "full"},
}
"""Options with which the error of sampling is smaller than what the table is about."""


@dataclass(frozen=True)
class MethodBesideSum:
    """One method's scores beside the weighted sum of effects.

    Attributes:
        method: Its name.
        effects: What was shared out, in words.
        difference: Largest |method − sum|, over Σ|scores|.
        allowed: Largest sum of all errors that may separate the two, over Σ|scores|; NaN: one is unknown.
        explained: Whether every difference lies within what is allowed.
        reformulation: The whole result.
    """

    method: str
    effects: str
    difference: float
    allowed: float
    explained: bool
    reformulation: ta.Reformulation


def methods_beside_sums(
    network: nn.Module,
    case: Tensor,
    players: ta.Players,
    references: Tensor,
    order: int = 4,
    names: Sequence[str] | None = None,
) -> list[MethodBesideSum]:
    """Return every method but Grad-CAM, which needs a layer of feature maps, beside its sum of effects.

    Args:
        network: Features -> one output.
        case: The input, shape (1, n).
        players: Groups of features; SmoothGrad takes the features themselves.
        references: For the methods that average over a reference set, shape (R, n).
        order: K of the Taylor effects and of the units.
        names: Of the features; None numbers them.
    """
    rows = []
    features = ta.Players.elements(case, names=names)
    for name, method in ta.METHODS.items():
        if method.explains == "layer":
            continue
        by_feature = method.exactness == "sampled"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TaylorAttrWarning)  # the table says what is explained
            result = ta.reformulate(
                name, network, case, references if method.references else None,
                order=min(order, SMOOTH_GRAD_ORDER) if by_feature else order,
                players=features if by_feature else players, **OPTIONS.get(name, {}),
            )  # fmt: skip
        size = float(result.direct.player_scores.abs().sum())
        rows.append(
            MethodBesideSum(
                method=name,
                effects=_effects(result, "features" if by_feature else "players", order),
                difference=float(result.relative_difference[0]),
                allowed=float(result.allowed.max()) / size if size else 0.0,
                explained=bool(result.explained.all()),
                reformulation=result,
            )
        )
    return rows


def _effects(result: ta.Reformulation, players: str, order: int) -> str:
    """Return in words which effects a method's sum is taken over."""
    if result.layers is not None:
        nothing = not bool(result.direct.player_scores.any())
        return f"every unit's, order {order} and the exact rest" + ("; all scores are 0" if nothing else "")
    table = result.effects[0]
    if result.allocation_rule.granularity == "support":
        words = f"all {table.values.shape[1] - 1} coalitions of {table.n}"  # without the empty one
    else:
        words = f"{table.values.shape[1]} terms of {table.n} {players}"
    return words + (f", {len(result.effects)} references" if len(result.effects) > 1 else "")


def table_text(rows: Sequence[MethodBesideSum]) -> str:
    """Return the table that the demonstration prints."""
    lines = [
        "Fourteen methods, each beside the sum of effects that it is (relative to Σ|scores|)",
        f"    {'':<24}{'difference':>11}{'allowed':>10}              effects shared out",
    ]
    for row in rows:
        unknown = row.allowed != row.allowed  # NaN
        allowed = f"{'unknown':>10}" if unknown else f"{row.allowed:>10.1e}"
        verdict = "explained" if row.explained else "NOT EXPLAINED"
        if row.explained and bool(row.reformulation.wide.any()):
            verdict = "wide bound"
        lines.append(f"    {row.method:<24}{row.difference:>11.1e}{allowed}  {verdict:<13}{row.effects}")
    return "\n".join(lines) + "\n"


def exact_ones_agree(rows: Sequence[MethodBesideSum], limit: float) -> bool:
    """Return whether the methods without truncation or sampling are their sums up to a relative limit."""
    exact = [row for row in rows if set(row.reformulation.errors) == {"rounding"}]
    return all(row.difference <= limit for row in exact)


def case_and_references(cases: Tensor, index: int, count: int = 5) -> tuple[Tensor, Tensor]:
    """Return a case (1, n) and the first few other cases (count, n) as references, float64."""
    others = torch.arange(len(cases)) != index
    return cases[index : index + 1].double(), cases[others][:count].double()

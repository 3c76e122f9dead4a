"""Fourteen methods on one prediction of a trained network, each beside the sum of effects that it is."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.analysis.players import Players
from taylorattr.errors import TaylorAttrWarning
from taylorattr.methods import METHODS
from taylorattr.reformulation import Reformulation, reformulate

NOISY_ORDER = 3
"""Order for SmoothGrad, whose noise is drawn for every feature: its terms are those of all features."""

SETTINGS: dict[str, dict[str, Any]] = {
    "smooth_grad": {"stdev": 0.05, "n_samples": 2000},
    "expected_gradients": {"mode": "full"},
}
"""Options with which sampling does not hide the rest."""


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        method: Its name.
        effects: What was shared out.
        difference: Largest |method − allocation|, over Σ|scores|.
        allowed: Largest sum of all errors that may separate them, over Σ|scores|; NaN where one is unknown.
        explained: Whether every difference lies within what is allowed.
        result: The whole reformulation.
    """

    method: str
    effects: str
    difference: float
    allowed: float
    explained: bool
    result: Reformulation


def fourteen(
    network: nn.Module,
    case: Tensor,
    players: Players,
    references: Tensor,
    order: int = 4,
    names: Sequence[str] | None = None,
) -> list[Row]:
    """Return every method but Grad-CAM, which needs a layer of feature maps, beside its effects.

    Args:
        network: Features -> one output.
        case: The input, shape (1, n).
        players: Groups of features; SmoothGrad takes the features themselves.
        references: For the methods that average over a reference set, shape (R, n).
        order: K of the Taylor effects and of the units.
        names: Of the features; None numbers them.
    """
    rows = []
    features = Players.elements(case, names=names)
    for name, method in METHODS.items():
        if name == "grad_cam":
            continue
        noisy = name == "smooth_grad"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TaylorAttrWarning)  # the table says what is explained
            result = reformulate(
                name, network, case, references if method.references else None,
                order=min(order, NOISY_ORDER) if noisy else order,
                players=features if noisy else players, **SETTINGS.get(name, {}),
            )  # fmt: skip
        size = float(result.direct.player_scores.abs().sum())
        rows.append(
            Row(
                method=name,
                effects=_effects(result, noisy, order),
                difference=float(result.relative_difference[0]),
                allowed=float(result.allowed.max()) / size if size else 0.0,
                explained=bool(result.explained.all()),
                result=result,
            )
        )
    return rows


def _effects(result: Reformulation, noisy: bool, order: int) -> str:
    if result.layers is not None:
        nothing = not bool(result.direct.player_scores.any())
        return f"every unit's, order {order} and the exact rest" + ("; all scores are 0" if nothing else "")
    table = result.effects[0]
    if result.allocation_rule.granularity == "support":
        what = f"all {table.values.shape[1] - 1} coalitions of {table.n}"
    else:
        what = f"{table.values.shape[1]} terms of {table.n} {'features' if noisy else 'players'}"
    return what + (f", {len(result.effects)} references" if len(result.effects) > 1 else "")


def shown(rows: Sequence[Row]) -> str:
    """Return the table."""
    lines = [
        "Fourteen methods, each beside the sum of effects that it is (relative to Σ|scores|)",
        f"    {'':<24}{'difference':>11}{'allowed':>10}              effects shared out",
    ]
    for row in rows:
        allowed = f"{row.allowed:>10.1e}" if row.allowed == row.allowed else f"{'unknown':>10}"
        verdict = "explained" if row.explained else "NOT EXPLAINED"
        if row.explained and bool(row.result.wide.any()):
            verdict = "wide bound"
        lines.append(f"    {row.method:<24}{row.difference:>11.1e}{allowed}  {verdict:<13}{row.effects}")
    return "\n".join(lines) + "\n"


def exact_ones_agree(rows: Sequence[Row], limit: float) -> bool:
    """Return whether the methods without truncation or sampling are their sums up to a relative limit."""
    exact = [row for row in rows if set(row.result.errors) == {"rounding"}]
    return all(row.difference <= limit for row in exact)


def example(cases: Tensor, chosen: int, count: int = 5) -> tuple[Tensor, Tensor]:
    """Return a case and the first few other cases as references, float64."""
    others = torch.arange(len(cases)) != chosen
    return cases[chosen : chosen + 1].double(), cases[others][:count].double()

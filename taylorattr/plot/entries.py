"""What the pictures draw: one example's numbers, checked; the largest of them, and the rest as one amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import NonFiniteError, OptionError, PlayerError
from taylorattr.plot.labels import distinct, joined, numbered, told_apart

Effects: TypeAlias = TaylorEffects | HarsanyiEffects | InteractionIndex
"""Results with an effect per term or coalition."""

LONGEST_REST = 1.3
"""The bar of all others is cut off where it is longer than so many times the largest entry.

It may add up thousands of entries, and would leave the others no room.
"""


@dataclass(frozen=True)
class Folded:
    """The largest entries of a row, and the others together.

    Attributes:
        largest: Positions of the largest entries, largest size first, shape (k,).
        rest: Positions of the others ≠ 0.
        total: Sum of the others.
        size: Σ|·| of the others: larger than |total| where they cancel.
    """

    largest: np.ndarray
    rest: np.ndarray
    total: float
    size: float


def folded(values: np.ndarray, k: int) -> Folded:
    """Return the k entries ≠ 0 of largest size and what the others amount to."""
    order = np.argsort(-np.abs(values), kind="stable")  # equal sizes in the order of the table
    order = order[values[order] != 0]
    largest, rest = order[:k], order[k:]
    return Folded(largest, rest, float(values[rest].sum()), float(np.abs(values[rest]).sum()))


def check_count(name: str, value: int) -> None:
    """Raise OptionError unless a number of things to draw is a whole number ≥ 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise OptionError(f"{name}={value!r}; give a whole number, at least 1")


def require_players(names: Sequence[str]) -> None:
    """Raise PlayerError if there is nobody to draw."""
    if not names:
        raise PlayerError("these results have no players, so there is nothing to draw")


def one_example(table: Tensor, example: int, what: str) -> np.ndarray:
    """Return row ``example`` of a table (B, …), float64.

    Raises:
        OptionError: If there is no such example.
        NonFiniteError: If the row holds NaN or infinity.
    """
    if len(table) == 0:
        raise OptionError(f"the {what} hold no example, so there is nothing to draw")
    if not isinstance(example, int) or not 0 <= example < len(table):
        raise OptionError(f"example={example}; the result holds examples 0 … {len(table) - 1}")
    # bars of NaN are drawn as nothing, which looks like 0: refuse instead
    row = table[example].detach().cpu().double().numpy()
    bad = int((~np.isfinite(row)).sum())
    if bad:
        raise NonFiniteError(
            f"{bad} of {row.size} {what} of example {example} are NaN or infinite and cannot be drawn; look "
            "for the input or the operation they come from"
        )
    return row


def measured(source: Any) -> Any:
    """Return the effects that an audit measured; anything else as it is."""
    if not isinstance(source, AuditReport):
        return source
    start = source.effects[:, 0]
    delta = source.gap + source.allocation.sum((1, 2))
    return HarsanyiEffects(
        values=source.effects,
        names=source.names,
        frame="baseline",
        delta=delta,
        f_input=start + delta,
        f_baseline=start,
        max_order=source.max_order,
    )


def effect_values(effects: Effects, example: int) -> np.ndarray:
    """Return the effects of one example in the order of their columns, the constant one left out."""
    if not isinstance(effects, (TaylorEffects, HarsanyiEffects, InteractionIndex)):
        raise OptionError(
            f"expected effects (of ta.decompose, ta.harsanyi or .index), given a {type(effects).__name__}"
        )
    require_players(effects.names)
    first = 0 if isinstance(effects, TaylorEffects) else 1  # tables of coalitions begin with ∅
    return one_example(effects.values[:, first:], example, "effects")


def effect_labels(effects: Effects, positions: Sequence[int], limit: int) -> list[str]:
    """Return names of entries of :func:`effect_values` in about ``limit`` characters, no two equal."""
    if isinstance(effects, TaylorEffects):
        return term_labels(effects.names, [effects.multi_indices[p] for p in positions], limit)
    return coalition_labels(effects.names, [effects.coalitions[p + 1] for p in positions], limit)


def coalition_labels(players: Sequence[str], coalitions: Sequence[Sequence[int]], limit: int) -> list[str]:
    """Return the names of coalitions (player numbers), no two of them equal."""
    names = numbered(players)
    return told_apart([[names[i] for i in coalition] for coalition in coalitions], limit, names)


def term_labels(players: Sequence[str], terms: Sequence[Sequence[int] | np.ndarray], limit: int) -> list[str]:
    """Return the names of terms κ (n exponents each), no two of them equal."""
    names = numbered(players)
    written = []
    for kappa in terms:
        present = np.flatnonzero(kappa).tolist()
        powers = [power(int(kappa[i])) for i in present]
        parts = [names[i] + p for i, p in zip(present, powers, strict=True)]
        if any(powers) and "…" in joined(parts, limit):
            # a cut that hits the exponent would name another effect: names are cut first, powers stay
            share = max(6, (limit + 3) // len(present) - 3)
            cut = distinct([names[i] for i in present], share)
            parts = [name + p for name, p in zip(cut, powers, strict=True)]
        written.append(parts)
    return told_apart(written, limit)


def power(exponent: int) -> str:
    """Return an exponent as superscript, "" for 1."""
    return str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")) if exponent > 1 else ""


def player_scores(attribution: Attribution, example: int) -> np.ndarray:
    """Return one example's scores, shape (n,)."""
    if not isinstance(attribution, Attribution):
        raise OptionError(f"expected an Attribution of ta.attribute, given a {type(attribution).__name__}")
    require_players(attribution.names)
    return one_example(attribution.player_scores, example, "scores")

"""Whether a rule looks only at the size of a coalition, and the shares it then gives to members."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.paper.algebra import treats_players_alike

SMALL = 3
"""Size up to which coalitions are looked at first, in floating point."""

ROUNDING = 1e-9
"""Relative difference of two shares that is no rounding."""

DRAWN = 6
"""Coalitions of each size that are compared where symmetry does not show in the formula."""


class SizeShares:
    """The shares of a rule by size, worked out once for each number of players and context.

    Args:
        rule: A support-level rule.
    """

    def __init__(self, rule: AllocationRule) -> None:
        self.rule = rule
        self._known: dict[Any, tuple[list[Fraction] | None, str]] = {}

    def __call__(self, n: int, context: Mapping[str, Any]) -> tuple[list[Fraction] | None, str]:
        """Return what `size_shares` returns."""
        values = ((name, tuple(np.asarray(v, dtype=object).reshape(-1))) for name, v in context.items())
        key = (n, tuple(values))
        if key not in self._known:
            self._known[key] = size_shares(self.rule, n, context)
        return self._known[key]


def size_shares(
    rule: AllocationRule, n: int, context: Mapping[str, Any]
) -> tuple[list[Fraction] | None, str]:
    """Return w_1 … w_n of a rule Σ_{S∋i} w_{|S|} J(S), or None and why it is none.

    Args:
        rule: A support-level rule.
        n: Number of players.
        context: Its attributes.
    """
    firsts = np.tri(n, dtype=np.int64)  # the first s players, s = 1 … n
    proved = (
        rule.evaluator is None
        and treats_players_alike(rule)
        and all(not need.axes for need in rule.needs.values())
    )
    if not proved and not _alike(rule, n, context):
        return None, "it does not look at the size of a coalition alone"
    coalitions = firsts if proved else np.concatenate([firsts, _drawn(n, n)])
    ratios = rule.exact_ratios(coalitions, context)
    shares: list[Fraction | None] = [None] * n
    for coalition, row in zip(coalitions, ratios, strict=True):
        size = int(coalition.sum())
        inside = {share for share, member in zip(row, coalition, strict=True) if member}
        outside = {share for share, member in zip(row, coalition, strict=True) if not member}
        if outside - {Fraction(0)}:
            return None, "it gives something to players outside a coalition"
        if len(inside) > 1 or shares[size - 1] not in (None, *inside):
            return None, "it does not look at the size of a coalition alone"
        shares[size - 1] = inside.pop()
    return [share for share in shares if share is not None], ""


def _alike(rule: AllocationRule, n: int, context: Mapping[str, Any]) -> bool:
    """Whether members of small coalitions get alike, in floating point: quick where they do not."""
    coalitions = _drawn(n, min(n, SMALL))
    ratios = rule.ratios(coalitions, context)
    for size in range(1, min(n, SMALL) + 1):
        inside = ratios[coalitions.sum(axis=1) == size][coalitions[coalitions.sum(axis=1) == size] > 0]
        if np.ptp(inside) > ROUNDING * np.abs(inside).max():
            return False
    return True


def _drawn(n: int, largest: int) -> np.ndarray:
    """Return coalitions of 1 … largest players, shape (M, n)."""
    generator = np.random.default_rng(0)
    sizes = np.repeat(np.arange(1, largest + 1), DRAWN)
    ranks = generator.permuted(np.tile(np.arange(n), (len(sizes), 1)), axis=1)
    return (ranks < sizes[:, None]).astype(np.int64)

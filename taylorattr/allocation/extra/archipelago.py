"""Archipelago: second differences at the baseline and at the input, and the total of a set of players.

Tsang, Rambhatla & Liu (2020); docs/theory.md eq. (66). The detector squares and averages the two differences,
which is no allocation; each of them is one.
"""

from __future__ import annotations

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.receivers import (
    COALITION,
    ORDER,
    UP_TO_ORDER,
    Receivers,
    coalitions,
    no_order,
    r,
)
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, j, kappa, s, total

_common: Expr = sp.Symbol("o", integer=True, nonnegative=True)
"""How many players the receiving coalition shares with the support."""

COMMON = {_common: total(COALITION[j] * Indicator(kappa[j] > 0))}
_receives: Expr = Indicator(sp.Eq(_common, r))
_within: Expr = Indicator(sp.Eq(_common, s))

PAIRS = coalitions(lambda n, context: (2, 2))


def _rule(
    variant: str, ratio: Expr, receivers: Receivers, needs: dict[str, Need], source: str
) -> AllocationRule:
    return RULES.add(
        AllocationRule(
            name=f"archipelago/{variant}",
            symbolic=ratio,
            where=COMMON,
            kind="S",
            frame="baseline",
            granularity="support",
            domain=Domain("every function", excludes=no_order) if needs else Domain("every function"),
            source=f"{source}; Tsang, Rambhatla & Liu (2020), arXiv 2006.10965",
            proof="archipelago",
            needs=needs,
            receivers=receivers,
            extra=True,
        )
    )


AT_BASELINE = _rule("at_baseline", _receives * _within, PAIRS, {}, "eq. (66): second difference at b")
AT_INPUT = _rule("at_input", _receives, PAIRS, {}, "eq. (66): second difference at x")
ATTRIBUTE = _rule("attribute", _within, UP_TO_ORDER, {"k": ORDER}, "eq. (66): ArchAttribute")

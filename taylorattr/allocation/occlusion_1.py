"""Occlusion-1: every effect counts in full for each of its players; seen from x, only a player's own.

a_i = v(N) − v(N∖i): Zeiler & Fergus (2014) with one player as the patch; docs/theory.md §4, eq. (25), (8).
"""

from __future__ import annotations

import sympy as sp

from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, kappa, s

OCCLUSION_1 = RULES.add(
    AllocationRule(
        name="occlusion_1",
        symbolic=Indicator(kappa[i] > 0),
        kind="S",
        frame="baseline",
        granularity="support",
        domain=Domain("every function"),
        source="eq. (25) with one player per window; Zeiler & Fergus (2014)",
        proof="occlusion_1",
    )
)

_alone: Expr = Indicator(sp.Eq(s, 1))

INPUT = RULES.add(
    AllocationRule(
        name="occlusion_1/input",
        symbolic=_alone * Indicator(kappa[i] > 0),
        kind="S",
        frame="input",
        granularity="support",
        domain=Domain("every function"),
        source="eq. (8)",
        proof="occlusion_1",
    )
)

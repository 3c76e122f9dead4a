"""Shapley values: an interaction of s players is shared equally, 1/s.

Shapley (1953), in Harsanyi's form; docs/theory.md eq. (27).
"""

from __future__ import annotations

from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Indicator, i, kappa, s

SHAPLEY = RULES.add(
    AllocationRule(
        name="shapley",
        symbolic=Indicator(kappa[i] > 0) / s,
        kind="S",
        frame="both",
        granularity="support",
        domain=Domain("every function"),
        source="eq. (27), T3; Shapley (1953), Harsanyi (1963)",
        proof="shapley",
    )
)

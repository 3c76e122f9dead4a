"""Criteria shown by algebra on the formula itself, for every n and every κ."""

from __future__ import annotations

from typing import Any

import sympy as sp

from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Indicator, i, j, kappa, m, s, total

SUMS: dict[Any, Any] = {kappa[i]: m, Indicator(kappa[i] > 0): s}
"""What a factor adds up to over all players."""


def never_leaks(rule: AllocationRule) -> str:
    """Return the identity w_i(κ)|_{κ_i = 0} = 0, or an empty text if algebra does not show it."""
    if rule.receivers is not PLAYERS:
        return ""
    alone = _vanishes(rule.symbolic.subs(kappa[i], 0))
    return "the ratio has a factor that vanishes at κᵢ = 0" if alone else ""


def always_complete(rule: AllocationRule) -> str:
    """Return the identity Σ_i w_i(κ) = 1 as text, or an empty text if algebra does not show it.

    The ratio is split into a factor with i and one without: Σ_i κ_i = m and Σ_i 1[κ_i > 0] = s.
    """
    if rule.receivers is not PLAYERS:
        return ""
    shared, own = rule.symbolic.as_independent(i, as_Add=False)
    if not own.has(i) or shared.has(i):
        return ""
    whole = SUMS.get(own, total(own.xreplace({i: j})))
    shared = shared.xreplace(dict(rule.where))
    return "Σᵢ wᵢ(κ) = 1 by algebra" if _vanishes(shared * whole - 1) else ""


def _vanishes(expression: Any) -> bool:
    """Whether an expression is 0 as a rational function; what is no quotient of sums is a letter to it."""
    letters: dict[Any, Any] = {}

    def rational(node: Any) -> Any:
        if isinstance(node, sp.Add | sp.Mul):
            return node.func(*(rational(part) for part in node.args))
        if isinstance(node, sp.Pow) and node.exp.is_Integer:
            return rational(node.base) ** node.exp
        return node if node.is_Rational else letters.setdefault(node, sp.Dummy())

    return sp.cancel(rational(expression)) == 0

"""What algebra on a rule's formula shows for every n and every κ at once, and its table in the other frame.

An identity proves a criterion where enumeration could only fail to find a counterexample; a symmetry spares
most of the enumeration.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.aliases import MultiIndex
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Indicator, i, j, kappa, m, n, s, total
from taylorattr.maths.frames import binomial, lower

SUMS_OVER_PLAYERS: dict[Any, Any] = {kappa[i]: m, Indicator(kappa[i] > 0): s}
"""What a factor adds up to over all players."""

PLAYER_LETTERS = (i, j)
"""Letters that run over players."""


def never_leaks(rule: AllocationRule) -> str:
    """Return the identity w_i(κ)|_{κ_i = 0} = 0, or an empty text if algebra does not show it."""
    if rule.receivers is not PLAYERS:
        return ""
    vanishes = _vanishes(rule.symbolic.subs(kappa[i], 0))
    return "the ratio has a factor that vanishes at κᵢ = 0" if vanishes else ""


def always_complete(rule: AllocationRule) -> str:
    """Return the identity Σ_i w_i(κ) = 1 as text, or an empty text if algebra does not show it.

    The ratio is split into a factor with i and one without: Σ_i κ_i = m and Σ_i 1[κ_i > 0] = s.
    """
    if rule.receivers is not PLAYERS:
        return ""
    shared, own = rule.symbolic.as_independent(i, as_Add=False)
    if not own.has(i) or shared.has(i):
        return ""
    over_players = SUMS_OVER_PLAYERS.get(own, total(own.xreplace({i: j})))
    shared = shared.xreplace(dict(rule.where))
    return "Σᵢ wᵢ(κ) = 1 by algebra" if _vanishes(shared * over_players - 1) else ""


def _vanishes(expression: Any) -> bool:
    """Whether an expression is 0 as a rational function; what is no quotient of sums is a letter to it."""
    # sympy.simplify would take seconds and may rewrite sums; what needs more than this is left to enumeration
    letters: dict[Any, Any] = {}

    def rational(node: Any) -> Any:
        """Return an expression with a letter in place of whatever is no sum, product or whole power."""
        if isinstance(node, sp.Add | sp.Mul):
            return node.func(*(rational(part) for part in node.args))
        if isinstance(node, sp.Pow) and node.exp.is_Integer:
            return rational(node.base) ** node.exp
        return node if node.is_Rational else letters.setdefault(node, sp.Dummy())

    return sp.cancel(rational(expression)) == 0


def treats_players_alike(rule: AllocationRule) -> bool:
    """Return whether renaming the players in κ and in the context only renames the scores.

    That is so where players are written by their letters alone, κ_i or u_j, never by their number; quantities
    are one per player, or numbers; and it is players who receive.
    """
    if any(need.axes not in ((), ("n",)) for need in rule.needs.values()) or rule.receivers is not PLAYERS:
        return False
    written = [rule.symbolic, *rule.where.values(), *([] if rule.constant is None else [rule.constant])]
    return all(_names_nobody(expression) for expression in written)


def _names_nobody(node: Any) -> bool:
    """Return whether an expression names all players by a letter, and none by its number."""
    if isinstance(node, sp.Indexed):
        return len(node.indices) == 1 and node.indices[0] in PLAYER_LETTERS
    if isinstance(node, sp.Equality | sp.Unequality) and set(node.args) <= set(PLAYER_LETTERS):
        return True
    if isinstance(node, sp.Sum | sp.Product):
        everyone = all((low, high) == (1, n) for letter, low, high in node.limits if letter in PLAYER_LETTERS)
        ends = [end for _, *rest in node.limits for end in rest]
        return everyone and all(_names_nobody(part) for part in (node.function, *ends))
    if isinstance(node, sp.Symbol):
        return node not in PLAYER_LETTERS
    return all(_names_nobody(part) for part in node.args)


def in_other_frame(kappas: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ) for every row.

    Args:
        kappas: Multi-indices, shape (M, n); with κ, every μ ≤ κ other than 0.
        ratios: w(κ), shape (M, R), ``Fraction`` entries.
    """
    # whole numbers over one denominator: products of Fractions would reduce after every addition
    denominator = math.lcm(*(value.denominator for value in ratios.reshape(-1)))
    numerators = np.array([int(value * denominator) for value in ratios.reshape(-1)], dtype=object)
    moved = _coefficients(tuple(map(tuple, kappas.tolist()))) @ numerators.reshape(ratios.shape)
    other = np.empty(ratios.shape, dtype=object)
    for position, value in np.ndenumerate(moved):
        other[position] = Fraction(int(value), denominator)
    return other


@lru_cache(maxsize=16)
def _coefficients(kappas: tuple[MultiIndex, ...]) -> np.ndarray:
    """Return (−1)^{|μ|+1} C(κ, μ), shape (M, M)."""
    row_of = {powers: row for row, powers in enumerate(kappas)}
    table = np.zeros((len(kappas), len(kappas)), dtype=object)
    for powers, row in row_of.items():
        for mu in lower(powers):
            table[row, row_of[mu]] = (-1) ** (sum(mu) + 1) * binomial(powers, mu)
    return table

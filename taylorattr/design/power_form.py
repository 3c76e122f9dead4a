"""Whether a ratio is κ_i p_i/Σ_j κ_j p_j with numbers p of the players: a power path, eq. (64)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, i, kappa, m, s, total
from taylorattr.design.algebra.letters import of_player
from taylorattr.design.algebra.simplify import inlined, same, simplified
from taylorattr.design.ways.power import Exponents


def power_exponents(rule: AllocationRule) -> Exponents | None:
    """Return the exponents of a formula κ_i p_i/Σκ_j p_j, None where it is none.

    Args:
        rule: A rule of players with attributes.
    """
    if rule.evaluator is not None or rule.granularity != "term" or not rule.needs:
        return None
    ratio: Any = simplified(inlined(rule))
    shared, own = ratio.as_independent(i, as_Add=False)
    weight: Expr = simplified(own / kappa[i])
    reads = {str(node.base.label) for node in _indexed(weight)}
    if "kappa" in reads or weight.has(m) or weight.has(s):
        return None
    other, letter = of_player(weight)
    if not same(shared * total(kappa[letter] * other, letter), sp.Integer(1)):
        return None
    return _exponents(rule)


def _indexed(expression: Expr) -> set[Any]:
    return expression.atoms(sp.Indexed)


def _exponents(rule: AllocationRule) -> Exponents:
    """Return p up to a factor: x₁x_j gives 1 and j the shares p_1 and p_j over their sum."""

    def exponents(context: Mapping[str, Any], n: int) -> list[Fraction]:
        if n == 1:
            return [Fraction(1)]
        pairs = np.zeros((n - 1, n), dtype=np.int64)
        pairs[:, 0] = 1
        pairs[np.arange(n - 1), np.arange(1, n)] = 1
        ratios = rule.exact_ratios(pairs, context)
        nothing = Fraction(0)  # of a first player that never gets anything, which no path leads to
        shares = [(ratios[k - 1, k], ratios[k - 1, 0]) for k in range(1, n)]
        return [Fraction(1), *(own / first if first else nothing for own, first in shares)]

    return exponents

"""Rules that average gradients on the straight path with a measure: a term is weighted by a moment.

a_i = Δ_i ∫ ∂_i f(b + αΔ) dμ(α); docs/theory.md eq. (70). δ_1 is Gradient × Input, the uniform measure
Integrated Gradients, a quadrature ``integrated_gradients/quadrature``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, indexed, kappa, m, q

_M = indexed("M")
_a, _b = sp.symbols("a b", positive=True)
_first_order: Expr = Indicator(sp.Eq(m, 1))
_series = Domain("functions whose Taylor series converges at x", series=True)

MEASURE = RULES.add(
    AllocationRule(
        name="measure",
        symbolic=kappa[i] * _M[m - 1],
        kind="U",
        frame="baseline",
        granularity="term",
        domain=_series,
        source="eq. (70)",
        proof="straight_paths",
        needs={
            "M": Need("moments M_k = ∫α^k dμ(α), k = 0, 1, …, as far as the order less one", ("moments",))
        },
        extra=True,
    )
)

FIRST_ORDER = RULES.add(
    AllocationRule(
        name="measure/first_order",
        symbolic=_first_order * kappa[i],
        kind="U",
        frame="baseline",
        granularity="term",
        domain=Domain("every function that is differentiable at b; Δ_i ∂_i f(b)"),
        source="eq. (70) with μ = δ_0",
        proof="straight_paths",
        extra=True,
    )
)

BETA = RULES.add(
    AllocationRule(
        name="measure/beta",
        symbolic=kappa[i] * sp.Product((_a + q - 1) / (_a + _b + q - 1), (q, 1, m - 1)),
        kind="U",
        frame="baseline",
        granularity="term",
        domain=_series,
        source="eq. (70) with the moments of a Beta(a, b) distribution",
        proof="straight_paths",
        needs={
            "a": Need("first parameter of the Beta distribution, positive; large: gradients near x", ()),
            "b": Need("second parameter, positive; large: gradients near b", ()),
        },
        extra=True,
    )
)


def measure_rule(moments: Sequence[Any], name: str = "measure/own") -> AllocationRule:
    """Return the rule of a measure on [0, 1] given by its moments, κ_i M_{m−1}.

    Args:
        moments: M_0, M_1, …, one for each order of the terms; exact where rational.
        name: Name of the rule.
    """
    return MEASURE.fixed(name, M=moments)


def beta_measure(a: Any, b: Any, name: str = "measure/own_beta") -> AllocationRule:
    """Return the rule of the Beta(a, b) distribution on the path; a = b = 1 is Integrated Gradients.

    Args:
        a: First parameter, positive.
        b: Second parameter, positive.
        name: Name of the rule.
    """
    return BETA.fixed(name, a=a, b=b)

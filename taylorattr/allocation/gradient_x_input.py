"""Gradient × Input: a term counts once for every factor it has, κ_i; seen from x, first-order terms only.

a_i = Δ_i ∂_i f(x): Simonyan et al. (2013), Shrikumar et al. (2016); docs/theory.md eq. (13).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, indexed, kappa, m

GRADIENT_X_INPUT = RULES.add(
    AllocationRule(
        name="gradient_x_input",
        symbolic=kappa[i],
        kind="U",
        frame="baseline",
        granularity="term",
        domain=Domain("functions whose Taylor series converges at x", series=True),
        source="eq. (13), T2; Shrikumar et al. (2016), arXiv 1605.01713",
        proof="gradient_x_input",
    )
)

_first_order: Expr = Indicator(sp.Eq(m, 1))

INPUT = RULES.add(
    AllocationRule(
        name="gradient_x_input/input",
        symbolic=_first_order * kappa[i],
        kind="U",
        frame="input",
        granularity="term",
        domain=Domain("every differentiable function"),
        source="eq. (13), (6)",
        proof="gradient_x_input",
    )
)

_x, _Delta = indexed("x"), indexed("Delta")


def _no_ratio(context: Mapping[str, np.ndarray]) -> str | None:
    """Where Δ_i = 0 player i has no effects that x_i ∂_i f(x) could be a share of."""
    still = np.flatnonzero(np.asarray((context["Delta"] == 0) & (context["x"] != 0), dtype=bool))
    if not len(still):
        return None
    return (
        f"Δ_{still[0] + 1} = 0 ≠ x_{still[0] + 1}, so no finite ratio exists; use a rule with Δ in place of x"
    )


PLAIN_X = RULES.add(
    AllocationRule(
        name="gradient_x_input/plain_x",
        symbolic=kappa[i] * _x[i] / _Delta[i],
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "functions whose Taylor series converges at x, where x_i = 0 if Δ_i = 0",
            series=True,
            excludes=_no_ratio,
        ),
        source="eq. (13): x_i ∂_i f(x)",
        proof="gradient_x_input",
        needs={
            "x": Need("x_i, in units of the input"),
            "Delta": Need("Δ_i = x_i − b_i, in units of the input"),
        },
    )
)

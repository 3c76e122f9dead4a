"""LRP-αβ on one unit σ(z): α to the inputs that push z up, −β to those that pull it down.

A term that has no factor of a group is shared in that group all the same, by u_i/P or u_i/Q: the leak of the
rule. Bach et al. (2015), eq. 60; docs/theory.md eq. (33) to (36).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.lrp_epsilon import CONTRIBUTIONS, u
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, j, kappa, total

P, Q, kappa_plus, kappa_minus = sp.symbols("P Q kappa_plus kappa_minus", real=True)
_alpha, _beta, _c = sp.symbols("alpha beta c", real=True)

UP, DOWN = Indicator(u[i] > 0), Indicator(u[i] < 0)
GROUPS = {
    P: total(u[j] * Indicator(u[j] > 0)),
    Q: total(u[j] * Indicator(u[j] < 0)),
    kappa_plus: total(kappa[j] * Indicator(u[j] > 0)),
    kappa_minus: total(kappa[j] * Indicator(u[j] < 0)),
}
"""P, Q: sums of the positive and the negative u_j; κ₊, κ₋: exponents of either group."""


def within(group: Expr, part: Expr) -> Expr:
    """Return the share of i inside its group: by exponents, or by u where the term has none of the group."""
    return sp.Piecewise((kappa[i] / group, group > 0), (u[i] / part, True))


DEPTH = (
    "layer by layer only: u_i/P is no power series of the inputs, so not even formal shares A_i(κ) exist, "
    "eq. (48)"
)
_NEEDS = {
    "u": CONTRIBUTIONS,
    "alpha": Need("α ≥ 1", (), 2.0),
    "beta": Need("β = α − 1", (), 1.0),
}

ALPHA_BETA_OFF_BY = 1e-9
"""How far α − β may be from 1."""


def _not_one(context: Mapping[str, np.ndarray]) -> str | None:
    """Return why α and β do not belong together, or None."""
    alpha, beta = (float(context[name]) for name in ("alpha", "beta"))
    if abs(alpha - beta - 1) <= ALPHA_BETA_OFF_BY and beta >= -ALPHA_BETA_OFF_BY:
        return None
    return f"α = {alpha:g} and β = {beta:g}; the rule has α − β = 1 and β ≥ 0: pass both"


LRP_ALPHA_BETA = RULES.add(
    AllocationRule(
        name="lrp_alpha_beta",
        symbolic=_alpha * UP * within(kappa_plus, P) - _beta * DOWN * within(kappa_minus, Q),
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "one unit of an analytic σ, reference 0; a bias only where it is left out of the denominators",
            series=True,
            excludes=_not_one,
        ),
        source="eq. (33), (34); Bach et al. (2015), eq. 60",
        proof="lrp_alpha_beta",
        where=GROUPS,
        needs=_NEEDS,
        scope="unit",
        constant=_alpha * UP * u[i] / P - _beta * DOWN * u[i] / Q,
        depth=DEPTH,
    )
)

_with_bias, _less_bias = P + sp.Max(_c, 0), Q + sp.Min(_c, 0)

WITH_BIAS = RULES.add(
    AllocationRule(
        name="lrp_alpha_beta/bias",
        symbolic=_alpha * UP * P / _with_bias * within(kappa_plus, P)
        - _beta * DOWN * Q / _less_bias * within(kappa_minus, Q),
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "one unit of an analytic σ, reference 0, c in the denominators", series=True, excludes=_not_one
        ),
        source="eq. (36)",
        proof="lrp_alpha_beta",
        where=GROUPS,
        needs={**_NEEDS, "c": Need("bias of the unit: c⁺ stands with P, c⁻ with Q", ())},
        scope="unit",
        constant=_alpha * UP * u[i] / _with_bias - _beta * DOWN * u[i] / _less_bias,
        depth=DEPTH,
    )
)

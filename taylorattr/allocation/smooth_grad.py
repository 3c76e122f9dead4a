"""SmoothGrad × Input: the moments of the noise raise the share of a term.

a_i = Δ_i E ∂_i f(x + ξ), ξ_j ~ N(0, σ_j²): Smilkov et al. (2017) times the input difference; docs/theory.md
eq. (14) to (17).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Indicator, Moment, i, indexed, j, kappa, product

_sigma, _Delta = indexed("sigma"), indexed("Delta")

NEEDS = {
    "sigma": Need("standard deviation σ_j of the noise on player j, in units of the input"),
    "Delta": Need("Δ_j = x_j − b_j, in units of the input"),
}


def _no_ratio(context: Mapping[str, np.ndarray]) -> str | None:
    """A player with Δ_j = 0 gets noise but has no effects to be weighted, eq. (17)."""
    still = np.flatnonzero(np.asarray((context["Delta"] == 0) & (context["sigma"] != 0), dtype=bool))
    if not len(still):
        return None
    return (
        f"Δ_{still[0] + 1} = 0 but σ_{still[0] + 1} ≠ 0, where no finite ratio exists, eq. (17); use "
        "smooth_grad/coefficients"
    )


SMOOTH_GRAD = RULES.add(
    AllocationRule(
        name="smooth_grad",
        symbolic=kappa[i]
        * Moment(kappa[i] - 1, _sigma[i] / _Delta[i])
        / Moment(kappa[i], _sigma[i] / _Delta[i])
        * product(Moment(kappa[j], _sigma[j] / _Delta[j])),
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain("polynomials, where every Δ_j ≠ 0", series=True, excludes=_no_ratio),
        source="eq. (14), (15), T9; Smilkov et al. (2017)",
        proof="smooth_grad",
        needs=NEEDS,
    )
)

INPUT = RULES.add(
    AllocationRule(
        name="smooth_grad/input",
        symbolic=kappa[i] * product(Moment(kappa[j] - Indicator(sp.Eq(i, j)), _sigma[j] / _Delta[j], 0)),
        kind="X",
        frame="input",
        granularity="term",
        domain=Domain("polynomials, where every Δ_j ≠ 0", series=True, excludes=_no_ratio),
        source="eq. (16)",
        proof="smooth_grad",
        needs=NEEDS,
    )
)

COEFFICIENTS = RULES.add(
    AllocationRule(
        name="smooth_grad/coefficients",
        symbolic=_Delta[i]
        * kappa[i]
        * product(Moment(kappa[j] - Indicator(sp.Eq(i, j)), _sigma[j], _Delta[j])),
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "polynomials; the effects are those at the input b + 1, which are ∂^κ f(b)/κ!", series=True
        ),
        source="eq. (17), (14)",
        proof="smooth_grad",
        needs=NEEDS,
        scope="coefficients",
    )
)

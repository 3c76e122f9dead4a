"""SmoothGrad × Input: the moments of the noise raise the share of a term.

a_i = Δ_i E ∂_i f(x + ξ), ξ_j ~ N(0, σ_j²): Smilkov et al. (2017) times the input difference; docs/theory.md
eq. (14) to (17).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Moment, i, indexed, j, kappa, product

_sigma, _Delta = indexed("sigma"), indexed("Delta")

NEEDS = {
    "sigma": Need("standard deviation σ_j of the noise on player j, in units of the input"),
    "Delta": Need("Δ_j = x_j − b_j, in units of the input"),
}


def _no_ratio(context: Mapping[str, np.ndarray]) -> str | None:
    """A player with Δ_j = 0 gets noise but has no effects to be weighted, eq. (17)."""
    still = np.flatnonzero(np.asarray(context["Delta"] == 0, dtype=bool))
    return f"Δ_{still[0] + 1} = 0: no finite ratio exists, eq. (17)" if len(still) else None


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

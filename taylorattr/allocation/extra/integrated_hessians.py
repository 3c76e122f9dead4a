"""Integrated Hessians: a term is shared by ordered pairs of players, κ_i κ_j/m², the diagonal included.

Janizek, Sturmfels & Lee (2021); docs/theory.md eq. (65). Row sums are
Integrated Gradients; unlike those, the pairs differ when the expansion is at x.
"""

from __future__ import annotations

from taylorattr.allocation.receivers import PAIRS
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import i, i2, kappa, m

INTEGRATED_HESSIANS = RULES.add(
    AllocationRule(
        name="integrated_hessians",
        symbolic=kappa[i] * kappa[i2] / m**2,
        kind="U",
        frame="baseline",
        granularity="term",
        domain=Domain("functions whose Taylor series converges at x", series=True),
        source="eq. (65), T10; Janizek, Sturmfels & Lee (2021), arXiv 2002.04138",
        proof="integrated_hessians",
        receivers=PAIRS,
        extra=True,
    )
)

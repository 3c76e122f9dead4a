"""Expected Gradients: Integrated Gradients of every reference, κ_i/m in its own frame, then the mean.

Erion et al. (2021); docs/theory.md eq. (21), (22): in one fixed frame for all references the shares are
others, so effects are computed for each reference and passed as a sequence.
"""

from __future__ import annotations

from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import i, kappa, m

EXPECTED_GRADIENTS = RULES.add(
    AllocationRule(
        name="expected_gradients",
        symbolic=kappa[i] / m,
        kind="X",
        frame="both",
        granularity="term",
        domain=Domain("functions whose Taylor series converges at x from every reference", series=True),
        source="eq. (21), (22); Erion et al. (2021), arXiv 1906.10670",
        proof="expected_gradients",
        per_reference=True,
    )
)

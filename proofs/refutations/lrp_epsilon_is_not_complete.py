"""With ε > 0 LRP withholds a part of every effect.

Claim: Σ_i R_i = Σ_κ I(κ) for a unit without a bias.

Witness: σ(z) = z, u = 1, ε = 1/10: R_1 = 10/11, and I(1) = 1. For ε = 0 the claim holds in every case.

Hypotheses: c = 0, z > 0.

Source: eq. (29), (30).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from proofs.refutations.neurons import Rule, active, complete, lrp_epsilon, neurons
from proofs.refutations.refutation import Case, Finding, Refutation, cells

STABILISED = lrp_epsilon(sp.Rational(1, 10))


def cases(rule: Rule = STABILISED) -> Iterator[Case]:
    """Every active unit without a bias."""
    return complete(rule, neurons(active))


REFUTATION = Refutation(
    name="lrp_epsilon_is_not_complete",
    statement="σ(z) = z, u = 1, ε = 1/10: R_1 = 10/11, and I(1) = 1",
    source="(29), (30)",
    covers="units z^m without a bias, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, by n, m, Σ|u|",
    lifts="each effect is handed out z/d times, for any ε",
    findings=(
        Finding(
            claim="Σ R_i = Σ I(κ)",
            cases=cases,
            witness="z, u = (1)",
            left=sp.Rational(10, 11),
            right=1,
            refutes=cells("lrp_epsilon", "baseline", "C3"),
        ),
    ),
)

"""LRP-αβ gives inputs of one sign a part of the effects of the other.

Claim: a linear unit, σ(z) = z, gives each input its own effect, R_i = ψ_i = u_i.

Witness: u = (3, −1), α = 2: R = (4, −2), and ψ = (3, −1). For α = 1, u = (2, −1): R = (1, 0).

Hypotheses: c = 0, z > 0, inputs of both signs. The weights of each term add up to 1 there (the theorem
lrp_alpha_beta), so without a leak u_i, the only effect of input i, would go to i alone, whole.

Source: eq. (33), (35).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from proofs.refutations.neurons import Rule, active_with_both, lrp_alpha_beta, neurons, own_effects
from proofs.refutations.refutation import Case, Finding, Refutation, cells


def cases(rule: Rule) -> Iterator[Case]:
    """Every active linear unit with inputs of both signs."""
    return own_effects(rule, neurons(active_with_both, orders=1))


REFUTATION = Refutation(
    name="lrp_alpha_beta_leaks",
    statement="x_1 − x_2 at (3, 1), α = 2: R = (4, −2), and ψ = (3, −1);  at (2, 1), α = 1: R = (1, 0)",
    source="(33), (35)",
    covers="linear units, n = 2, u_i ±1, ±2, ±3, by Σ|u|",
    lifts="each purely positive term leaks to N− and each purely negative one to N+, eq. (33)",
    findings=(
        Finding(
            claim="R_i = ψ_i, α = 2",
            cases=partial(cases, lrp_alpha_beta(2)),
            witness="z, u = (3, −1), R_1",
            left=4,
            right=3,
            refutes=cells("lrp_alpha_beta lrp_alpha_beta/bias", "baseline", "C2"),
        ),
        Finding(
            claim="R_i = ψ_i, α = 1",
            cases=partial(cases, lrp_alpha_beta(1)),
            witness="z, u = (2, −1), R_1",
            left=1,
            right=2,
            refutes=cells("lrp_alpha_beta lrp_alpha_beta/bias", "baseline", "C2"),
        ),
    ),
)

"""z⁺ of Deep Taylor takes effects of negative inputs from positive ones.

Claim: a linear unit, σ(z) = z, gives each input its own effect, R_i = ψ_i = u_i.

Witness: x_1 − x_2 at (2, 1): R = (1, 0), and ψ = (2, −1).

Hypotheses: c = 0, z > 0, P > 0. The weights of each term add up to 1 there (the theorem deep_taylor), so
without a leak u_i, the only effect of input i, would go to i alone, whole.

Source: eq. (37), (33).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.neurons import Rule, active_with_positive, neurons, own_effects, z_plus
from proofs.refutations.refutation import Case, Finding, Refutation, cells


def cases(rule: Rule = z_plus) -> Iterator[Case]:
    """Every active linear unit with P > 0."""
    return own_effects(rule, neurons(active_with_positive, orders=1))


REFUTATION = Refutation(
    name="deep_taylor_leaks",
    statement="x_1 − x_2 at (2, 1): R = (1, 0), and ψ = (2, −1)",
    source="(37), (33)",
    covers="linear units, n ≤ 2, u_i ±1, ±2, ±3, by n, Σ|u|",
    lifts="c⁺ = 0 without a bias; seen from its own root the unit leaks nothing, eq. (37)",
    findings=(
        Finding(
            claim="R_i = ψ_i",
            cases=cases,
            witness="z, u = (2, −1), R_1",
            left=1,
            right=2,
            refutes=cells("deep_taylor deep_taylor/bias", "baseline", "C2"),
        ),
    ),
)

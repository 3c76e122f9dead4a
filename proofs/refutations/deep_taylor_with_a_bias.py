"""z⁺ of Deep Taylor hands out the constant of a positive bias, or with c⁺ in the denominator too little.

Claim: Σ_i R_i = Σ_κ I(κ).

Witness: x_1 + 1 at 1: R_1 = 2, and I(1) = 1. With c⁺ in the denominator 2x_1 − 1 at 1: R_1 = 1, and I(1) = 2.

Hypotheses: z > 0, P > 0.

Source: eq. (38), (36).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from proofs.refutations.neurons import (
    BIASES,
    Rule,
    active_with_positive,
    complete,
    lrp_alpha_beta,
    neurons,
    z_plus,
)
from proofs.refutations.refutation import Case, Finding, Refutation, cells


def cases(rule: Rule = z_plus, biases: tuple[int, ...] = BIASES) -> Iterator[Case]:
    """Every active unit with P > 0."""
    return complete(rule, neurons(active_with_positive, biases=biases))


REFUTATION = Refutation(
    name="deep_taylor_with_a_bias",
    statement="x_1 + 1 at 1: R_1 = 2, and I(1) = 1;  with c⁺ in the denominator 2x_1 − 1 at 1: R_1 = 1, and "
    "I(1) = 2",
    source="(38), (36)",
    covers="units z^m, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, c 0, ±1, ±2, by n, m, Σ|u| + |c|",
    lifts="relu(x_1 + 1) is the first unit around x; without a bias z⁺ is complete where P > 0",
    findings=(
        Finding(
            claim="Σ R_i = Σ I(κ)",
            cases=cases,
            witness="z, u = (1), c = 1",
            left=2,
            right=1,
        ),
        Finding(
            claim="Σ R_i = Σ I(κ), c⁺ in the denominator",
            cases=partial(cases, lrp_alpha_beta(1, with_bias=True)),
            witness="z, u = (2), c = −1",
            left=1,
            right=2,
            refutes=cells("deep_taylor/bias", "baseline", "C3"),
        ),
    ),
)

"""With a bias in its denominators LRP-αβ is not complete, also where both groups have members.

Claim: Σ_i R_i = Σ_κ I(κ).

Witness: 2x_1 − x_2 + 1 at (1, 1), α = 2: R = (8/3, −2), and the effects 2 and −1 add up to 1.

Hypotheses: z > 0, inputs of both signs, c⁺ in P + c⁺ and c⁻ in Q + c⁻.

Source: eq. (36).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import sympy as sp

from proofs.refutations.neurons import (
    BIASES,
    Rule,
    active_with_both,
    complete,
    lrp_alpha_beta,
    neurons,
)
from proofs.refutations.refutation import Case, Finding, Refutation, cells


def cases(rule: Rule, biases: tuple[int, ...] = BIASES) -> Iterator[Case]:
    """Every active unit with inputs of both signs."""
    return complete(rule, neurons(active_with_both, biases=biases))


REFUTATION = Refutation(
    name="lrp_alpha_beta_with_a_bias",
    statement="2x_1 − x_2 + 1 at (1, 1), α = 2: R = (8/3, −2), and ψ = (2, −1)",
    source="(36)",
    covers="units z^m, n ≤ 2, m ≤ 4, u_i ±1, ±2, ±3, c 0, ±1, ±2, by n, m, Σ|u| + |c|",
    lifts="the bias takes the share c⁺/(P + c⁺) of every term",
    findings=(
        Finding(
            claim="Σ R_i = Σ I(κ), α = 2",
            cases=partial(cases, lrp_alpha_beta(2, with_bias=True)),
            witness="z, u = (2, −1), c = 1",
            left=sp.Rational(2, 3),
            right=1,
            refutes=cells("lrp_alpha_beta/bias", "baseline", "C3"),
        ),
    ),
)

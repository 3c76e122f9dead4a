"""Where an input agrees with the baseline, SmoothGrad × Input hands out what no effect has.

Claim: if every effect is 0, every score is.

Witness: x_1² x_2 at (0, 1), σ = 1: I(κ) = 0 for every κ, and a_2 = E ξ_1² = 1.

Hypotheses: σ_j = 1.

Source: eq. (17).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from proofs.refutations.criteria import Method
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation
from proofs.refutations.scores import smooth_grad

NOISY = smooth_grad(1)


def cases(method: Method = NOISY) -> Iterator[Case]:
    """Terms at inputs with entries 0, those without an effect."""
    for s in terms(inputs=(0, 1, -1, 2, -2)):
        if not s.effects():
            total = sp.Add(*(sp.Abs(a) for a in method(s.f, s.y, s.x)))
            yield Case(s.size, s.says, total, sp.Integer(0))


REFUTATION = Refutation(
    name="smooth_grad_without_a_ratio",
    statement="x_1² x_2 at (0, 1), σ = 1: every I(κ) = 0, and a_2 = E ξ_1² = 1",
    source="(17)",
    covers="terms, n ≤ 3, m ≤ 4, entries of x 0, ±1, ±2, by n, m, |supp κ|, Σ|x|",
    lifts="Σ_κ w_i(κ) I(κ) = 0 for any weights: no ratio gives these scores; those of coefficients do",
    findings=(
        Finding(
            claim="Σ|a_i| = 0 if all I(κ) = 0",
            cases=cases,
            witness="x₁²x₂ at (0, 1)",
            left=1,
            right=0,
        ),
    ),
)

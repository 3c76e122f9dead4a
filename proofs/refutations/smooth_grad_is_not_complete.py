"""SmoothGrad × Input hands out a square twice, whatever the noise.

Claim: Σ_i x_i E ∂_i f(x + ξ) = I(κ) for every term.

Witness: x_1² at 1, σ = 1: a_1 = 2 E(1 + ξ) = 2, and I(2) = 1.

Hypotheses: σ_j = 1

Source: eq. (15).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import smooth_grad

NOISY = smooth_grad(1)


def cases(method: Method = NOISY) -> Iterator[Case]:
    """Every term, handed out once."""
    return complete(method, terms())


REFUTATION = Refutation(
    name="smooth_grad_is_not_complete",
    statement="x_1² at 1, σ = 1: a_1 = 2 E(1 + ξ) = 2, and I(2) = 1",
    source="(15)",
    covers="terms y^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="E ξ = 0: the same for every σ",
    findings=(
        Finding(
            claim="Σ a_i = I(κ)",
            cases=cases,
            witness="x₁² at (1)",
            left=2,
            right=1,
            refutes=cells("smooth_grad smooth_grad/coefficients", "baseline", "C3"),
        ),
    ),
)

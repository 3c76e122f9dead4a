"""SmoothGrad × Input can give nothing of an effect that has several terms.

Claim: an independent effect ψ_1 ≠ 0 reaches somebody.

Witness: 2x_1 − x_1² at 1, σ = 1: ψ_1 = 1, and a_1 = 2 − 2 E(1 + ξ) = 0.

Hypotheses: σ_j = 1

Source: eq. (15), (12).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, covered
from proofs.refutations.polynomials import sums
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import smooth_grad

NOISY = smooth_grad(1)


def cases(method: Method = NOISY) -> Iterator[Case]:
    """Every effect ψ_1 ≠ 0, reaching somebody."""
    return covered(method, sums())


REFUTATION = Refutation(
    name="smooth_grad_cancels",
    statement="2x_1 − x_1² at 1, σ = 1: ψ_1 = 1, and a_1 = 2 − 2 E(1 + ξ) = 0",
    source="(15), (12)",
    covers="sums of one and two powers of x_1, m ≤ 4, coefficients ±1, ±2, ±3, x_1 ±1, ±2, by m, terms, "
    "Σ|c| + |x|",
    lifts="E ξ = 0: the same for every σ",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=cases,
            witness="2x₁ − x₁² at (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("smooth_grad smooth_grad/coefficients", "baseline", "C1 effect"),
        ),
    ),
)

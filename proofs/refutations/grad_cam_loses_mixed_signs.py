"""Cells of either sign can leave Grad-CAM without anything to hand out.

Claim: a term of a general head reaches a position, Σ_p |L_p| ≠ 0.

Witness: y = A_1 A_2 at A = (1, −1): α = (A_2 + A_1)/2 = 0, and the effect is −1.

Hypotheses: one channel; x_p is the cell A_p; no final ReLU

Source: eq. (24).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, covered
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import grad_cam


def cases(method: Method = grad_cam) -> Iterator[Case]:
    """Every term of a head y(A), reaching a position."""
    return covered(method, terms())


REFUTATION = Refutation(
    name="grad_cam_loses_mixed_signs",
    statement="y = A_1 A_2 at A = (1, −1): α = (A_2 + A_1)/2 = 0, and the effect is −1",
    source="(24)",
    covers="terms y^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="behind a ReLU all cells are ≥ 0, and the weights of a term are too",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=cases,
            witness="x₁x₂ at (1, −1)",
            left=0,
            right=0,
            equal=False,
            limits=cells("grad_cam/general grad_cam/coefficients", "baseline", "C1 term"),
        ),
    ),
)

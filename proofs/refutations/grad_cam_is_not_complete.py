"""Grad-CAM hands out the square of a cell twice.

Claim: Σ_p L_p = I(κ) for every term of the cells.

Witness: y = A_1², one cell, A = 1: L_1 = 2, and I(2) = 1.

Hypotheses: one channel; x_p is the cell A_p; no final ReLU

Source: eq. (23).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import grad_cam


def cases(method: Method = grad_cam) -> Iterator[Case]:
    """Every term of a head y(A), handed out once."""
    return complete(method, terms())


REFUTATION = Refutation(
    name="grad_cam_is_not_complete",
    statement="y = A_1², one cell, A = 1: L_1 = 2, and I(2) = 1",
    source="(23)",
    covers="terms y^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="one cell is its own mean, so the head is one of pooled features as well",
    findings=(
        Finding(
            claim="Σ a_i = I(κ)",
            cases=cases,
            witness="x₁² at (1)",
            left=2,
            right=1,
            refutes=cells("grad_cam grad_cam/general grad_cam/coefficients", "baseline", "C3"),
        ),
    ),
)

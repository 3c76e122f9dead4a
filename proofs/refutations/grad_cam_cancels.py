"""Grad-CAM can give nothing of an effect that has several terms.

Claim: an independent effect ψ_1 ≠ 0 of a cell reaches a position.

Witness: y = 2A_1 − A_1², one cell, A = 1: ψ_1 = 1, and L_1 = 2 − 2 = 0.

Hypotheses: one channel; x_p is the cell A_p; no final ReLU

Source: eq. (23), (12).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, covered
from proofs.refutations.polynomials import sums
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import grad_cam


def cases(method: Method = grad_cam) -> Iterator[Case]:
    """Every effect ψ_1 ≠ 0, reaching a position."""
    return covered(method, sums())


REFUTATION = Refutation(
    name="grad_cam_cancels",
    statement="y = 2A_1 − A_1², one cell, A = 1: ψ_1 = 1, and L_1 = 2 − 2 = 0",
    source="(23), (12)",
    covers="sums of one and two powers of x_1, m ≤ 4, coefficients ±1, ±2, ±3, x_1 ±1, ±2, by m, terms, "
    "Σ|c| + |x|",
    lifts="one cell is its own mean, so the head is one of pooled features as well",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=cases,
            witness="2x₁ − x₁² at (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("grad_cam grad_cam/general grad_cam/coefficients", "baseline", "C1 effect"),
        ),
    ),
)

"""In frame input Grad-CAM drops every effect of the cells but those of first order.

Claim: an effect reaches somebody, Σ_p |L_p| ≠ 0, and is handed out once, Σ_p L_p = I^x(κ), in frame input.

Witness: y = (B − A_1)² seen from the cell A_1 = 1 = B: L_1 = 0, and I^x(2) = −1.

Hypotheses: one channel; x_p is the cell A_p; no final ReLU.

Source: eq. (24), (6).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete, covered
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import grad_cam


def shared(method: Method = grad_cam) -> Iterator[Case]:
    """The effects of (y − x)^κ, handed out once."""
    return complete(method, terms("input"))


def reached(method: Method = grad_cam) -> Iterator[Case]:
    """The effects of (y − x)^κ, reaching a position."""
    return covered(method, terms("input"))


REFUTATION = Refutation(
    name="grad_cam_drops_effects",
    statement="y = (B − A_1)² at the cell A_1 = 1 = B: L_1 = 0, and I^x(2) = −1",
    source="(24), (6)",
    covers="terms (y − x)^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="a term of one cell is all of its effect, so C1 fails at either level",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=reached,
            witness="(y₁−x₁)² at (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("grad_cam/input", "input", "C1 term", "C1 effect"),
        ),
        Finding(
            claim="Σ a_i = I^x(κ)",
            cases=shared,
            witness="(y₁−x₁)² at (1)",
            left=0,
            right=-1,
            refutes=cells("grad_cam/input", "input", "C3"),
        ),
    ),
)

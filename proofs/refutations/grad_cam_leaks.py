"""In front of a general head Grad-CAM gives to positions that have no part in an effect.

Claim: L_p = 0 for a position p with κ_p = 0.

Witness: y = A_1 at A = (1, 1): L_2 = A_2/Z = ½, in either frame.

Hypotheses: one channel; x_p is the cell A_p; no final ReLU

Source: eq. (24).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from proofs.refutations.criteria import Method, no_leak
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import grad_cam


def cases(method: Method = grad_cam) -> Iterator[Case]:
    """Every term of a head y(A), outside its positions."""
    return no_leak(method, terms())


def at_the_input(method: Method = grad_cam) -> Iterator[Case]:
    """The same in frame input."""
    return no_leak(method, terms("input"))


REFUTATION = Refutation(
    name="grad_cam_leaks",
    statement="y = A_1 at A = (1, 1): L_2 = A_2/Z = ½, in either frame",
    source="(24)",
    covers="terms y^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="the gradients are averaged over all positions",
    findings=(
        Finding(
            claim="a_i = 0 if κ_i = 0",
            cases=cases,
            witness="x₁ at (1, 1), a_2",
            left=sp.Rational(1, 2),
            right=0,
            refutes=cells("grad_cam/general grad_cam/coefficients", "baseline", "C2"),
        ),
        Finding(
            claim="a_i = 0 if κ_i = 0, frame input",
            cases=at_the_input,
            witness="(y₁−x₁) at (1, 1), a_2",
            left=sp.Rational(1, 2),
            right=0,
            refutes=cells("grad_cam/input", "input", "C2"),
        ),
    ),
)

"""The final ReLU of Grad-CAM withholds every effect that lowers the output, and is not linear in it.

Claim: a term of the cells reaches a position, Σ_p |L_p| ≠ 0; it is handed out once; −y has the negative
scores of y.

Witness: y = −A_1, one cell, A = 1: max(L_1, 0) = 0, and I(1) = −1; the scores of A_1 are 1.

Hypotheses: one channel; x_p is the cell A_p.

Source: eq. (24).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from proofs.refutations.criteria import Method, complete, covered
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import rectified

INPUTS, SIGNS = (1, 2), (1, -1)
"""Cells behind a ReLU, and the sign of the term."""


def reached(method: Method = rectified) -> Iterator[Case]:
    """Every term of either sign, reaching a position."""
    return covered(method, terms(inputs=INPUTS, signs=SIGNS))


def shared(method: Method = rectified) -> Iterator[Case]:
    """Every term of either sign, handed out once."""
    return complete(method, terms(inputs=INPUTS, signs=SIGNS))


def odd(method: Method = rectified) -> Iterator[Case]:
    """The scores of −y beside the negative scores of y."""
    for s in terms(inputs=INPUTS):
        minus, plus = method(-s.f, s.y, s.x), method(s.f, s.y, s.x)
        yield Case(s.size, s.says, sp.Add(*minus), -sp.Add(*plus))


REFUTATION = Refutation(
    name="grad_cam_rectified",
    statement="y = −A_1 at A = 1: max(L_1, 0) = 0, and I(1) = −1; A_1 has the score 1",
    source="(24)",
    covers="terms ±y^κ, n ≤ 3, m ≤ 4, cells 1 and 2, by n, m, |supp κ|, Σ|x|",
    lifts="a rule that is no linear function of y has no weights at all: the ReLU is a gate after them",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=reached,
            witness="−x₁ at (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("grad_cam/relu", "baseline", "C1 term", "C1 effect"),
        ),
        Finding(
            claim="Σ a_i = I(κ)",
            cases=shared,
            witness="−x₁ at (1)",
            left=0,
            right=-1,
            refutes=cells("grad_cam/relu", "baseline", "C3"),
        ),
        Finding(claim="a(−y) = −a(y)", cases=odd, witness="x₁ at (1)", left=0, right=-1),
    ),
)

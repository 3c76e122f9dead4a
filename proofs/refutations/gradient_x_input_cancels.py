"""Gradient × Input can give nothing of an effect that has several terms.

Claim: an independent effect ψ_1 ≠ 0 reaches somebody.

Witness: 2x_1 − x_1² at 1: ψ_1 = 1, and a_1 = 2 − 2 = 0, the negative of (1 − x_1)².

Hypotheses: none

Source: eq. (12), (13).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, covered
from proofs.refutations.polynomials import sums
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import gradient_x_input


def cases(method: Method = gradient_x_input) -> Iterator[Case]:
    """Every effect ψ_1 ≠ 0, reaching somebody."""
    return covered(method, sums())


REFUTATION = Refutation(
    name="gradient_x_input_cancels",
    statement="2x_1 − x_1² at 1: ψ_1 = 1, and a_1 = 2 − 2 = 0, the negative of (1 − x_1)²",
    source="(12), (13)",
    covers="sums of one and two powers of x_1, m ≤ 4, coefficients ±1, ±2, ±3, x_1 ±1, ±2, by m, terms, "
    "Σ|c| + |x|",
    lifts="every term has a weight that is not 0, so only the level of effects fails",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=cases,
            witness="2x₁ − x₁² at (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("gradient_x_input gradient_x_input/plain_x", "baseline", "C1 effect"),
        ),
    ),
)

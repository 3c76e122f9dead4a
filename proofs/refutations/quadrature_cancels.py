"""A midpoint rule can give nothing of an effect that has several terms.

Claim: an independent effect ψ_1 ≠ 0 reaches somebody.

Witness: 3x_1 − x_1³ at 2, one node α = ½: the slope 3 − 3 y² is 0 at y = 1, and ψ_1 = −2.

Hypotheses: one node at ½

Source: eq. (19), (12).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, covered
from proofs.refutations.polynomials import sums
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import HALF, quadrature

MIDPOINT = quadrature((HALF,), (1,))


def at_the_baseline(method: Method = MIDPOINT) -> Iterator[Case]:
    """Effects of powers of x."""
    return covered(method, sums())


def at_the_input(method: Method = MIDPOINT) -> Iterator[Case]:
    """Effects of powers of y − x."""
    return covered(method, sums("input"))


REFUTATION = Refutation(
    name="quadrature_cancels",
    statement="3x_1 − x_1³ at 2, one node α = ½: the slope 3 − 3 y² is 0 at y = 1, and ψ_1 = −2",
    source="(19), (12)",
    covers="sums of one and two powers of x_1, m ≤ 4, coefficients ±1, ±2, ±3, x_1 ±1, ±2, by m, terms, "
    "Σ|c| + |x|",
    lifts="every quadrature has a polynomial whose slope is 0 at all nodes",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=at_the_baseline,
            witness="3x₁ − x₁³ at (2)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("integrated_gradients/quadrature", "baseline", "C1 effect"),
        ),
        Finding(
            claim="Σ|a_i| ≠ 0, frame input",
            cases=at_the_input,
            witness="3(y₁−x₁) − (y₁−x₁)³ at (2)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("integrated_gradients/quadrature", "input", "C1 effect"),
        ),
    ),
)

"""A quadrature that ends at the input drops effects of frame input.

Claim: an effect of frame input reaches somebody, Σ_i |a_i| ≠ 0.

Witness: (y_1 − x_1)² at x_1 = 1, one node α = 1: a_1 = 0, and I^x(2) = −1.

Hypotheses: one node at 1

Source: eq. (19), (9a).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, covered
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import quadrature

END = quadrature((1,), (1,))


def cases(method: Method = END) -> Iterator[Case]:
    """Every effect of (y − x)^κ, reaching somebody."""
    return covered(method, terms("input"))


REFUTATION = Refutation(
    name="quadrature_drops_effects",
    statement="(y_1 − x_1)² at x_1 = 1, one node α = 1: a_1 = 0, and I^x(2) = −1",
    source="(19), (9a)",
    covers="terms (y − x)^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="one node at the input is Gradient × Input",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=cases,
            witness="(y₁−x₁)² at (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("integrated_gradients/quadrature", "input", "C1 term"),
        ),
    ),
)

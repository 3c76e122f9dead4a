"""A midpoint rule in place of the integral hands out ¾ of a cube.

Claim: Σ_i x_i Σ_q ω_q ∂_i f(α_q x) = I(κ) for every term.

Witness: x_1³ at 1, one node α = ½: a_1 = 3 (½)² = ¾, and I(3) = 1; (y_1 − x_1)³ in frame input alike.

Hypotheses: one node at ½, which is Gauss–Legendre with N = 1

Source: eq. (19).
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from proofs.refutations.criteria import Method, complete
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import HALF, quadrature

MIDPOINT = quadrature((HALF,), (1,))


def at_the_baseline(method: Method = MIDPOINT) -> Iterator[Case]:
    """Effects of powers of x."""
    return complete(method, terms())


def at_the_input(method: Method = MIDPOINT) -> Iterator[Case]:
    """Effects of powers of y − x."""
    return complete(method, terms("input"))


REFUTATION = Refutation(
    name="quadrature_is_not_complete",
    statement="x_1³ at 1, one node α = ½: a_1 = 3 (½)² = ¾, and I(3) = 1; (y_1 − x_1)³ in frame input alike",
    source="(19)",
    covers="terms, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="Gauss with N nodes is exact for m ≤ 2N and for no larger m, see the theorem quadrature",
    findings=(
        Finding(
            claim="Σ a_i = I(κ)",
            cases=at_the_baseline,
            witness="x₁³ at (1)",
            left=sp.Rational(3, 4),
            right=1,
            refutes=cells("integrated_gradients/quadrature", "baseline", "C3"),
        ),
        Finding(
            claim="Σ a_i = I(κ), frame input",
            cases=at_the_input,
            witness="(y₁−x₁)³ at (1)",
            left=sp.Rational(3, 4),
            right=1,
            refutes=cells("integrated_gradients/quadrature", "input", "C3"),
        ),
    ),
)

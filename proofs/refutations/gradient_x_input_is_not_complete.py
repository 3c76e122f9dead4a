"""Gradient × Input hands out a square twice.

Claim: Σ_i x_i ∂_i f(x) = I(κ) for every term.

Witness: x_1² at 1: a_1 = 2, and I(2) = 1.

Hypotheses: none

Source: eq. (13).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import gradient_x_input


def cases(method: Method = gradient_x_input) -> Iterator[Case]:
    """Every term, handed out once."""
    return complete(method, terms())


REFUTATION = Refutation(
    name="gradient_x_input_is_not_complete",
    statement="x_1² at 1: a_1 = 2, and I(2) = 1",
    source="(13)",
    covers="terms y^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="x_i and Δ_i are the same for b = 0, so it is a counterexample for either factor",
    findings=(
        Finding(
            claim="Σ a_i = I(κ)",
            cases=cases,
            witness="x₁² at (1)",
            left=2,
            right=1,
            refutes=cells("gradient_x_input gradient_x_input/plain_x", "baseline", "C3"),
        ),
    ),
)

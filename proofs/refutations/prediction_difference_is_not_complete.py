"""Prediction Difference hands out an interaction once to each of its variables.

Claim: Σ_i (f(x) − E f(x with y_i replaced)) = I(κ) for every term, in the frame of the reference.

Witness: x_1 x_2 at (1, 1), reference 0: a = (1, 1), and J({1, 2}) = 1.

Hypotheses: all references are 0

Source: eq. (26).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import prediction_difference


def cases(method: Method = prediction_difference) -> Iterator[Case]:
    """Every term, handed out once."""
    return complete(method, terms())


REFUTATION = Refutation(
    name="prediction_difference_is_not_complete",
    statement="x_1 x_2 at (1, 1), reference 0: a = (1, 1), and J({1, 2}) = 1",
    source="(26)",
    covers="terms y^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="a mean over references counts each of them so",
    findings=(
        Finding(
            claim="Σ a_i = I(κ)",
            cases=cases,
            witness="x₁x₂ at (1, 1)",
            left=2,
            right=1,
            refutes=cells("prediction_difference", "baseline", "C3"),
        ),
    ),
)

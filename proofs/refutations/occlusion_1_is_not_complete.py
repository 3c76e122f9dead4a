"""Occlusion-1 hands out an interaction once to each of its variables.

Claim: Σ_i (f(x) − f(x without i)) = I(κ) for every term.

Witness: x_1 x_2 at (1, 1): a = (1, 1), and J({1, 2}) = 1.

Hypotheses: none

Source: eq. (25).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import occlusion_1


def cases(method: Method = occlusion_1) -> Iterator[Case]:
    """Every term, handed out once."""
    return complete(method, terms())


REFUTATION = Refutation(
    name="occlusion_1_is_not_complete",
    statement="x_1 x_2 at (1, 1): a = (1, 1), and J({1, 2}) = 1",
    source="(25)",
    covers="terms y^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="an interaction of s variables is handed out s times",
    findings=(
        Finding(
            claim="Σ a_i = I(κ)",
            cases=cases,
            witness="x₁x₂ at (1, 1)",
            left=2,
            right=1,
            refutes=cells("occlusion_1", "baseline", "C3"),
        ),
    ),
)

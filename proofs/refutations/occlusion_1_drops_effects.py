"""In frame input Occlusion-1 drops every interaction.

Claim: an effect reaches somebody, Σ_i |a_i| ≠ 0, and is handed out once, Σ_i a_i = I^x(κ), in frame
input.

Witness: (y_1 − x_1)(y_2 − x_2) at (1, 1): a = (0, 0), and J^x({1, 2}) = −1.

Hypotheses: none

Source: eq. (25), (8).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete, covered
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import occlusion_1


def shared(method: Method = occlusion_1) -> Iterator[Case]:
    """The effects of (y − x)^κ, handed out once."""
    return complete(method, terms("input"))


def reached(method: Method = occlusion_1) -> Iterator[Case]:
    """The effects of (y − x)^κ, reaching somebody."""
    return covered(method, terms("input"))


REFUTATION = Refutation(
    name="occlusion_1_drops_effects",
    statement="(y_1 − x_1)(y_2 − x_2) at (1, 1): a = (0, 0), and J^x({1, 2}) = −1",
    source="(25), (8)",
    covers="terms (y − x)^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="the product is all of its effect, so C1 fails at either level",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=reached,
            witness="(y₁−x₁)(y₂−x₂) at (1, 1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("occlusion_1/input", "input", "C1 term", "C1 effect"),
        ),
        Finding(
            claim="Σ a_i = I^x(κ)",
            cases=shared,
            witness="(y₁−x₁)(y₂−x₂) at (1, 1)",
            left=0,
            right=-1,
            refutes=cells("occlusion_1/input", "input", "C3"),
        ),
    ),
)

"""In frame input Gradient × Input drops every effect but those of first order.

Claim: an effect reaches somebody, Σ_i |a_i| ≠ 0, and is handed out once, Σ_i a_i = I^x(κ), in frame
input.

Witness: (y_1 − x_1)² at x_1 = 1: a_1 = 0, and I^x(2) = −1.

Hypotheses: none

Source: eq. (13), (6).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, complete, covered
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import gradient_x_input


def shared(method: Method = gradient_x_input) -> Iterator[Case]:
    """The effects of (y − x)^κ, handed out once."""
    return complete(method, terms("input"))


def reached(method: Method = gradient_x_input) -> Iterator[Case]:
    """The effects of (y − x)^κ, reaching somebody."""
    return covered(method, terms("input"))


REFUTATION = Refutation(
    name="gradient_x_input_drops_effects",
    statement="(y_1 − x_1)² at x_1 = 1: a_1 = 0, and I^x(2) = −1",
    source="(13), (6)",
    covers="terms (y − x)^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="a term of one variable is all of its effect, so C1 fails at either level",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=reached,
            witness="(y₁−x₁)² at (1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells("gradient_x_input/input", "input", "C1 term", "C1 effect"),
        ),
        Finding(
            claim="Σ a_i = I^x(κ)",
            cases=shared,
            witness="(y₁−x₁)² at (1)",
            left=0,
            right=-1,
            refutes=cells("gradient_x_input/input", "input", "C3"),
        ),
    ),
)

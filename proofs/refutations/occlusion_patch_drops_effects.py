"""In frame input Occlusion of patches drops every interaction across patches.

Claim: an effect of frame input reaches somebody, Σ_i |a_i| ≠ 0.

Witness: (y_1 − x_1)(y_2 − x_2) at (1, 1), each variable a patch: a = (0, 0), and J^x({1, 2}) = −1.

Hypotheses: one window for each variable, so that all choices of c agree.

Source: eq. (25), (8).
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.refutations.criteria import Method, covered
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import averaged, each_alone, occlusion_of_windows

ALONE = occlusion_of_windows(each_alone, averaged)

VARIANTS = (
    "occlusion_patch occlusion_patch/shared occlusion_patch/windows occlusion_patch/windows_shared "
    "occlusion_patch/windows_weighted"
)


def cases(method: Method = ALONE) -> Iterator[Case]:
    """Every effect of (y − x)^κ, reaching somebody."""
    return covered(method, terms("input"))


REFUTATION = Refutation(
    name="occlusion_patch_drops_effects",
    statement="(y_1 − x_1)(y_2 − x_2) at (1, 1), two patches: a = (0, 0), and J^x({1, 2}) = −1",
    source="(25), (8)",
    covers="terms (y − x)^κ, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="the product is all of its effect, so C1 fails at either level",
    findings=(
        Finding(
            claim="Σ|a_i| ≠ 0",
            cases=cases,
            witness="(y₁−x₁)(y₂−x₂) at (1, 1)",
            left=0,
            right=0,
            equal=False,
            refutes=cells(VARIANTS, "input", "C1 term", "C1 effect"),
        ),
    ),
)

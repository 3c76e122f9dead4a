"""Occlusion of patches hands out an effect to all variables of a patch, or once to every patch it meets.

Claim: Σ_i a_i = I(κ) for every term, in either frame.

Witness: x_1 at (1, 1), one patch of both variables: a = (1, 1), and I = 1. If the patches share: x_1 x_2
at (1, 1), each variable a patch: a = (1, 1), and J({1, 2}) = 1, in frame input (0, 0) and −1.

Hypotheses: one window of all variables, or one for each; the coefficient c is 1/number of windows, 1/|W|,
or 1.

Source: eq. (25), (8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from proofs.refutations.criteria import Method, complete
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import (
    Windows,
    all_together,
    averaged,
    each_alone,
    occlusion_of_windows,
    shared,
    summed,
)

TOGETHER = {"baseline": ("x₁ at (1, 1)", 2, 1), "input": ("(y₁−x₁) at (1, 1)", 2, 1)}
ALONE = {"baseline": ("x₁x₂ at (1, 1)", 2, 1), "input": ("(y₁−x₁)(y₂−x₂) at (1, 1)", 0, -1)}

RULES = {
    "occlusion_patch occlusion_patch/windows": (averaged, all_together, TOGETHER),
    "occlusion_patch/windows_weighted": (summed, all_together, TOGETHER),
    "occlusion_patch/shared occlusion_patch/windows_shared": (shared, each_alone, ALONE),
}
"""Rules, c_{W,i}, windows, and for each frame the witness with its sides."""


def once(method: Method, frame: str) -> Iterator[Case]:
    """Every term, handed out once."""
    return complete(method, terms(frame))


def cases(share: Callable, windows: Callable[[int], Windows], frame: str) -> Callable[..., Iterator[Case]]:
    """Return the cases for one choice of windows and c."""
    return partial(once, occlusion_of_windows(windows, share), frame)


REFUTATION = Refutation(
    name="occlusion_patch_is_not_complete",
    statement="x_1 at (1, 1), one patch {1, 2}: a = (1, 1), and I = 1;  shared: x_1 x_2 at (1, 1) across two "
    "patches: Σ a_i = 2, and J = 1; in frame input 0, and −1",
    source="(25)",
    covers="terms, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="an interaction across s patches is handed out s times",
    findings=tuple(
        Finding(
            claim=f"Σ a_i = I(κ), c = {share.__name__}, frame {frame}",
            cases=cases(share, windows, frame),
            witness=witness,
            left=left,
            right=right,
            refutes=cells(rules, frame, "C3"),
        )
        for rules, (share, windows, found) in RULES.items()
        for frame, (witness, left, right) in found.items()
    ),
)

"""Occlusion of a patch gives to all of its variables, also to those that have no part in the effect.

Claim: a variable i with κ_i = 0 gets nothing, in either frame.

Witness: x_1 at (1, 1), one patch of both variables: a_2 = 1, or ½ if the patch shares.

Hypotheses: one window of all variables; the coefficient c is 1/number of windows, 1/|W|, or 1.

Source: eq. (25).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import sympy as sp

from proofs.refutations.criteria import Method, no_leak
from proofs.refutations.polynomials import terms
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import all_together, averaged, occlusion_of_windows, shared, summed

WHOLE = {
    "occlusion_patch occlusion_patch/windows": (averaged, sp.Integer(1)),
    "occlusion_patch/shared occlusion_patch/windows_shared": (shared, sp.Rational(1, 2)),
    "occlusion_patch/windows_weighted": (summed, sp.Integer(1)),
}
"""Rules, c_{W,i}, and what the second variable gets."""

FRAMES = {"baseline": "x₁ at (1, 1), a_2", "input": "(y₁−x₁) at (1, 1), a_2"}


def outside(method: Method, frame: str) -> Iterator[Case]:
    """Every term, outside its variables."""
    return no_leak(method, terms(frame))


def cases(share: Callable, frame: str) -> Callable[..., Iterator[Case]]:
    """Return the cases for one choice of c."""
    return partial(outside, occlusion_of_windows(all_together, share), frame)


REFUTATION = Refutation(
    name="occlusion_patch_leaks",
    statement="x_1 at (1, 1), one patch {1, 2}: a_2 = 1, or ½ if the patch shares; in either frame",
    source="(25)",
    covers="terms, n ≤ 3, m ≤ 4, entries of x ±1 and ±2, by n, m, |supp κ|, Σ|x|",
    lifts="with the patches as players nothing leaks",
    findings=tuple(
        Finding(
            claim=f"a_i = 0 if κ_i = 0, c = {share.__name__}, frame {frame}",
            cases=cases(share, frame),
            witness=witness,
            left=left,
            right=0,
            refutes=cells(rules, frame, "C2"),
        )
        for rules, (share, left) in WHOLE.items()
        for frame, witness in FRAMES.items()
    ),
)

"""What fails of occlusion: of one variable, of patches, and Prediction Difference."""

from __future__ import annotations

from functools import partial

import sympy as sp

from proofs.refutations.polynomials import (
    BY_SIZE,
    IN_FRAME_INPUT,
    REACHED_AND_ONCE,
    TERMS,
    TERMS_OF_FRAME_INPUT,
    dropped_in_frame_input,
    nobody_outside,
    once,
    somebody,
    terms,
)
from proofs.refutations.refutation import Refutation, cells
from proofs.refutations.scores import (
    HALF,
    all_together,
    averaged,
    each_alone,
    occlusion_1,
    occlusion_of_windows,
    prediction_difference,
    shared,
    summed,
)

OCCLUSION_1 = (
    Refutation(
        name="occlusion_1_is_not_complete",
        title="Occlusion-1 hands out an interaction once to each of its variables.",
        claim="Σ_i (f(x) − f(x without i)) = I(κ) for every term",
        hypotheses="none",
        statement="x_1 x_2 at (1, 1): a = (1, 1), and J({1, 2}) = 1",
        source="(25)",
        covers=TERMS,
        lifts="an interaction of s variables is handed out s times",
        findings=(once(occlusion_1, "x₁x₂ at (1, 1)", 2, 1, refutes=cells("occlusion_1", "baseline", "C3")),),
    ),
    Refutation(
        name="occlusion_1_drops_effects",
        title="In frame input Occlusion-1 drops every interaction.",
        claim=REACHED_AND_ONCE,
        hypotheses="none",
        statement="(y_1 − x_1)(y_2 − x_2) at (1, 1): a = (0, 0), and J^x({1, 2}) = −1",
        source="(25), (8)",
        covers=TERMS_OF_FRAME_INPUT,
        lifts="the product is all of its effect, so C1 fails at either level",
        findings=dropped_in_frame_input(occlusion_1, "(y₁−x₁)(y₂−x₂) at (1, 1)", "occlusion_1/input"),
    ),
)

PATCHES = "occlusion_patch occlusion_patch/windows"
SHARED_PATCHES = "occlusion_patch/shared occlusion_patch/windows_shared"
WEIGHTED_PATCHES = "occlusion_patch/windows_weighted"

WHOLE_PATCH = {PATCHES: (averaged, 1), SHARED_PATCHES: (shared, HALF), WEIGHTED_PATCHES: (summed, 1)}
"""Rules of one window of all variables: c_{W,i}, and what a variable without a part gets of x_1."""

ONE_PATCH_OF_BOTH = {"baseline": ("x₁ at (1, 1)", 2, 1), "input": ("(y₁−x₁) at (1, 1)", 2, 1)}
A_PATCH_FOR_EACH = {"baseline": ("x₁x₂ at (1, 1)", 2, 1), "input": ("(y₁−x₁)(y₂−x₂) at (1, 1)", 0, -1)}
"""Frame -> witness, Σ_i a_i and the effect."""

NOT_COMPLETE = {
    PATCHES: (averaged, all_together, ONE_PATCH_OF_BOTH),
    WEIGHTED_PATCHES: (summed, all_together, ONE_PATCH_OF_BOTH),
    SHARED_PATCHES: (shared, each_alone, A_PATCH_FOR_EACH),
}
"""Rules: c_{W,i}, windows, and for each frame the witness with its sides."""

OCCLUSION_PATCH = (
    Refutation(
        name="occlusion_patch_leaks",
        title="Occlusion of a patch gives to all of its variables, also to those without a part in it.",
        claim="a variable i with κ_i = 0 gets nothing, in either frame",
        hypotheses="one window of all variables; the coefficient c is 1/number of windows, 1/|W|, or 1",
        statement="x_1 at (1, 1), one patch {1, 2}: a_2 = 1, or ½ if the patch shares; in either frame",
        source="(25)",
        covers=f"terms, {BY_SIZE}",
        lifts="with the patches as players nothing leaks",
        findings=tuple(
            nobody_outside(
                occlusion_of_windows(all_together, share),
                witness,
                sp.sympify(given),
                settings=partial(terms, frame),
                claim=f"a_i = 0 if κ_i = 0, c = {share.__name__}, frame {frame}",
                refutes=cells(rules, frame, "C2"),
            )
            for rules, (share, given) in WHOLE_PATCH.items()
            for frame, witness in (("baseline", "x₁ at (1, 1), a_2"), ("input", "(y₁−x₁) at (1, 1), a_2"))
        ),
    ),
    Refutation(
        name="occlusion_patch_is_not_complete",
        title="Occlusion of patches hands out an effect to all variables of a patch, or once to every patch.",
        claim="Σ_i a_i = I(κ) for every term, in either frame",
        hypotheses="one window of all variables, or one for each; the coefficient c is 1/number of windows, "
        "1/|W|, or 1",
        statement="x_1 at (1, 1), one patch {1, 2}: a = (1, 1), and I = 1;  shared: x_1 x_2 at (1, 1) across "
        "two patches: Σ a_i = 2, and J = 1; in frame input 0, and −1",
        source="(25)",
        covers=f"terms, {BY_SIZE}",
        lifts="an interaction across s patches is handed out s times",
        findings=tuple(
            once(
                occlusion_of_windows(windows, share),
                witness,
                left,
                right,
                settings=partial(terms, frame),
                claim=f"Σ a_i = I(κ), c = {share.__name__}, frame {frame}",
                refutes=cells(rules, frame, "C3"),
            )
            for rules, (share, windows, frames) in NOT_COMPLETE.items()
            for frame, (witness, left, right) in frames.items()
        ),
    ),
    Refutation(
        name="occlusion_patch_drops_effects",
        title="In frame input Occlusion of patches drops every interaction across patches.",
        claim="an effect of frame input reaches somebody, Σ_i |a_i| ≠ 0",
        hypotheses="one window for each variable, so that all choices of c agree",
        statement="(y_1 − x_1)(y_2 − x_2) at (1, 1), two patches: a = (0, 0), and J^x({1, 2}) = −1",
        source="(25), (8)",
        covers=TERMS_OF_FRAME_INPUT,
        lifts="the product is all of its effect, so C1 fails at either level",
        findings=(
            somebody(
                occlusion_of_windows(each_alone, averaged),
                "(y₁−x₁)(y₂−x₂) at (1, 1)",
                settings=IN_FRAME_INPUT,
                refutes=cells(
                    f"{PATCHES} {SHARED_PATCHES} {WEIGHTED_PATCHES}", "input", "C1 term", "C1 effect"
                ),
            ),
        ),
    ),
)

PREDICTION_DIFFERENCE = (
    Refutation(
        name="prediction_difference_is_not_complete",
        title="Prediction Difference hands out an interaction once to each of its variables.",
        claim="Σ_i (f(x) − E f(x with y_i replaced)) = I(κ) for every term, in the frame of the reference",
        hypotheses="all references are 0",
        statement="x_1 x_2 at (1, 1), reference 0: a = (1, 1), and J({1, 2}) = 1",
        source="(26)",
        covers=TERMS,
        lifts="a mean over references counts each of them so",
        findings=(
            once(
                prediction_difference,
                "x₁x₂ at (1, 1)",
                2,
                1,
                refutes=cells("prediction_difference", "baseline", "C3"),
            ),
        ),
    ),
    Refutation(
        name="prediction_difference_drops_effects",
        title="In frame input Prediction Difference drops every interaction.",
        claim=REACHED_AND_ONCE,
        hypotheses="all references are 0",
        statement="(y_1 − x_1)(y_2 − x_2) at (1, 1), reference 0: a = (0, 0), and J^x({1, 2}) = −1",
        source="(26), (8)",
        covers=TERMS_OF_FRAME_INPUT,
        lifts="a mean over references drops it for each of them",
        findings=dropped_in_frame_input(
            prediction_difference, "(y₁−x₁)(y₂−x₂) at (1, 1)", "prediction_difference"
        ),
    ),
)

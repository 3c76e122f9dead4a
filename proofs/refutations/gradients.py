"""What fails of gradients: Gradient × Input, SmoothGrad × Input, a quadrature, Grad-CAM."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import sympy as sp

from proofs.refutations.polynomials import (
    BY_SIZE,
    IN_FRAME_INPUT,
    REACHED_AND_ONCE,
    SUMS,
    TERMS,
    TERMS_OF_FRAME_INPUT,
    Method,
    dropped_in_frame_input,
    nobody_outside,
    once,
    somebody,
    sums,
    terms,
)
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import HALF, grad_cam, gradient_x_input, quadrature, rectified, smooth_grad

NOISY = smooth_grad(1)
"""SmoothGrad × Input with σ_j = 1."""

MIDPOINT, END = quadrature((HALF,), (1,)), quadrature((1,), (1,))
"""One node at ½, which is Gauss–Legendre with N = 1, and one at the input."""

PLAIN_RULES = "gradient_x_input gradient_x_input/plain_x"
NOISY_RULES = "smooth_grad smooth_grad/coefficients"
NODES = "integrated_gradients/quadrature"
HEADS = "grad_cam grad_cam/general grad_cam/coefficients"
ANY_HEAD = "grad_cam/general grad_cam/coefficients"

ONE_CHANNEL = "one channel; x_p is the cell A_p; no final ReLU"

GRADIENT_X_INPUT = (
    Refutation(
        name="gradient_x_input_is_not_complete",
        title="Gradient × Input hands out a square twice.",
        claim="Σ_i x_i ∂_i f(x) = I(κ) for every term",
        hypotheses="none",
        statement="x_1² at 1: a_1 = 2, and I(2) = 1",
        source="(13)",
        covers=TERMS,
        lifts="x_i and Δ_i are the same for b = 0, so it is a counterexample for either factor",
        findings=(once(gradient_x_input, "x₁² at (1)", 2, 1, refutes=cells(PLAIN_RULES, "baseline", "C3")),),
    ),
    Refutation(
        name="gradient_x_input_cancels",
        title="Gradient × Input can give nothing of an effect that has several terms.",
        claim="an independent effect ψ_1 ≠ 0 reaches somebody",
        hypotheses="none",
        statement="2x_1 − x_1² at 1: ψ_1 = 1, and a_1 = 2 − 2 = 0, the negative of (1 − x_1)²",
        source="(12), (13)",
        covers=SUMS,
        lifts="every term has a weight that is not 0, so only the level of effects fails",
        findings=(
            somebody(
                gradient_x_input,
                "2x₁ − x₁² at (1)",
                settings=sums,
                refutes=cells(PLAIN_RULES, "baseline", "C1 effect"),
            ),
        ),
    ),
    Refutation(
        name="gradient_x_input_drops_effects",
        title="In frame input Gradient × Input drops every effect but those of first order.",
        claim=REACHED_AND_ONCE,
        hypotheses="none",
        statement="(y_1 − x_1)² at x_1 = 1: a_1 = 0, and I^x(2) = −1",
        source="(13), (6)",
        covers=TERMS_OF_FRAME_INPUT,
        lifts="a term of one variable is all of its effect, so C1 fails at either level",
        findings=dropped_in_frame_input(gradient_x_input, "(y₁−x₁)² at (1)", "gradient_x_input/input"),
    ),
)


def without_effects(method: Method) -> Iterator[Case]:
    """Terms at inputs with entries 0, those without an effect: no weights could give them scores."""
    for s in terms(inputs=(0, 1, -1, 2, -2)):
        if not s.effects():
            total = sp.Add(*(sp.Abs(a) for a in method(s.f, s.y, s.x)))
            yield Case(s.size, s.says, total, sp.Integer(0))


SMOOTH_GRAD = (
    Refutation(
        name="smooth_grad_is_not_complete",
        title="SmoothGrad × Input hands out a square twice, whatever the noise.",
        claim="Σ_i x_i E ∂_i f(x + ξ) = I(κ) for every term",
        hypotheses="σ_j = 1",
        statement="x_1² at 1, σ = 1: a_1 = 2 E(1 + ξ) = 2, and I(2) = 1",
        source="(15)",
        covers=TERMS,
        lifts="E ξ = 0: the same for every σ",
        findings=(once(NOISY, "x₁² at (1)", 2, 1, refutes=cells(NOISY_RULES, "baseline", "C3")),),
    ),
    Refutation(
        name="smooth_grad_cancels",
        title="SmoothGrad × Input can give nothing of an effect that has several terms.",
        claim="an independent effect ψ_1 ≠ 0 reaches somebody",
        hypotheses="σ_j = 1",
        statement="2x_1 − x_1² at 1, σ = 1: ψ_1 = 1, and a_1 = 2 − 2 E(1 + ξ) = 0",
        source="(15), (12)",
        covers=SUMS,
        lifts="E ξ = 0: the same for every σ",
        findings=(
            somebody(
                NOISY,
                "2x₁ − x₁² at (1)",
                settings=sums,
                refutes=cells(NOISY_RULES, "baseline", "C1 effect"),
            ),
        ),
    ),
    Refutation(
        name="smooth_grad_drops_effects",
        title="In frame input SmoothGrad × Input drops every effect of even order.",
        claim=REACHED_AND_ONCE,
        hypotheses="σ_j = 1",
        statement="(y_1 − x_1)² at x_1 = 1, σ = 1: a_1 = 2 E ξ = 0, and I^x(2) = −1",
        source="(16), (6)",
        covers=TERMS_OF_FRAME_INPUT,
        lifts="E ξ = 0: the same for every σ; a term of one variable is all of its effect",
        findings=dropped_in_frame_input(NOISY, "(y₁−x₁)² at (1)", "smooth_grad/input"),
    ),
    Refutation(
        name="smooth_grad_without_a_ratio",
        title="Where an input agrees with the baseline, SmoothGrad × Input hands out what no effect has.",
        claim="if every effect is 0, every score is",
        hypotheses="σ_j = 1",
        statement="x_1² x_2 at (0, 1), σ = 1: every I(κ) = 0, and a_2 = E ξ_1² = 1",
        source="(17)",
        covers="terms, n ≤ 3, m ≤ 4, entries of x 0, ±1, ±2, by n, m, |supp κ|, Σ|x|",
        lifts="Σ_κ w_i(κ) I(κ) = 0 for any weights: no ratio gives these scores; those of coefficients do",
        findings=(
            Finding(
                claim="Σ|a_i| = 0 if all I(κ) = 0",
                cases=partial(without_effects, method=NOISY),
                witness="x₁²x₂ at (0, 1)",
                left=1,
                right=0,
            ),
        ),
    ),
)

QUADRATURE = (
    Refutation(
        name="quadrature_is_not_complete",
        title="A midpoint rule in place of the integral hands out ¾ of a cube.",
        claim="Σ_i x_i Σ_q ω_q ∂_i f(α_q x) = I(κ) for every term",
        hypotheses="one node at ½, which is Gauss–Legendre with N = 1",
        statement="x_1³ at 1, one node α = ½: a_1 = 3 (½)² = ¾, and I(3) = 1; (y_1 − x_1)³ in frame input "
        "alike",
        source="(19)",
        covers=f"terms, {BY_SIZE}",
        lifts="Gauss with N nodes is exact for m ≤ 2N and for no larger m, see the theorem quadrature",
        findings=(
            once(MIDPOINT, "x₁³ at (1)", sp.Rational(3, 4), 1, refutes=cells(NODES, "baseline", "C3")),
            once(
                MIDPOINT,
                "(y₁−x₁)³ at (1)",
                sp.Rational(3, 4),
                1,
                settings=IN_FRAME_INPUT,
                claim="Σ a_i = I(κ), frame input",
                refutes=cells(NODES, "input", "C3"),
            ),
        ),
    ),
    Refutation(
        name="quadrature_cancels",
        title="A midpoint rule can give nothing of an effect that has several terms.",
        claim="an independent effect ψ_1 ≠ 0 reaches somebody, in either frame",
        hypotheses="one node at ½",
        statement="3x_1 − x_1³ at 2, one node α = ½: the slope 3 − 3 y² is 0 at y = 1, and ψ_1 = −2",
        source="(19), (12)",
        covers=SUMS,
        lifts="every quadrature has a polynomial whose slope is 0 at all nodes",
        findings=(
            somebody(
                MIDPOINT,
                "3x₁ − x₁³ at (2)",
                settings=sums,
                refutes=cells(NODES, "baseline", "C1 effect"),
            ),
            somebody(
                MIDPOINT,
                "3(y₁−x₁) − (y₁−x₁)³ at (2)",
                settings=partial(sums, "input"),
                claim="Σ|a_i| ≠ 0, frame input",
                refutes=cells(NODES, "input", "C1 effect"),
            ),
        ),
    ),
    Refutation(
        name="quadrature_drops_effects",
        title="A quadrature that ends at the input drops effects of frame input.",
        claim="an effect of frame input reaches somebody, Σ_i |a_i| ≠ 0",
        hypotheses="one node at 1",
        statement="(y_1 − x_1)² at x_1 = 1, one node α = 1: a_1 = 0, and I^x(2) = −1",
        source="(19), (9a)",
        covers=TERMS_OF_FRAME_INPUT,
        lifts="one node at the input is Gradient × Input",
        findings=(
            somebody(
                END,
                "(y₁−x₁)² at (1)",
                settings=IN_FRAME_INPUT,
                refutes=cells(NODES, "input", "C1 term"),
            ),
        ),
    ),
)

OF_EITHER_SIGN = partial(terms, inputs=(1, 2), signs=(1, -1))
"""Terms of cells behind a ReLU, which are not negative, and the terms' negatives."""


def odd(method: Method) -> Iterator[Case]:
    """The scores of −y are the negative scores of y, as they are if a_i is linear in y."""
    for s in terms(inputs=(1, 2)):
        minus, plus = method(-s.f, s.y, s.x), method(s.f, s.y, s.x)
        yield Case(s.size, s.says, sp.Add(*minus), -sp.Add(*plus))


GRAD_CAM = (
    Refutation(
        name="grad_cam_is_not_complete",
        title="Grad-CAM hands out the square of a cell twice.",
        claim="Σ_p L_p = I(κ) for every term of the cells",
        hypotheses=ONE_CHANNEL,
        statement="y = A_1², one cell, A = 1: L_1 = 2, and I(2) = 1",
        source="(23)",
        covers=TERMS,
        lifts="one cell is its own mean, so the head is one of pooled features as well",
        findings=(once(grad_cam, "x₁² at (1)", 2, 1, refutes=cells(HEADS, "baseline", "C3")),),
    ),
    Refutation(
        name="grad_cam_cancels",
        title="Grad-CAM can give nothing of an effect that has several terms.",
        claim="an independent effect ψ_1 ≠ 0 of a cell reaches a position",
        hypotheses=ONE_CHANNEL,
        statement="y = 2A_1 − A_1², one cell, A = 1: ψ_1 = 1, and L_1 = 2 − 2 = 0",
        source="(23), (12)",
        covers=SUMS,
        lifts="one cell is its own mean, so the head is one of pooled features as well",
        findings=(
            somebody(
                grad_cam,
                "2x₁ − x₁² at (1)",
                settings=sums,
                refutes=cells(HEADS, "baseline", "C1 effect"),
            ),
        ),
    ),
    Refutation(
        name="grad_cam_drops_effects",
        title="In frame input Grad-CAM drops every effect of the cells but those of first order.",
        claim=REACHED_AND_ONCE,
        hypotheses=ONE_CHANNEL,
        statement="y = (B − A_1)² at the cell A_1 = 1 = B: L_1 = 0, and I^x(2) = −1",
        source="(24), (6)",
        covers=TERMS_OF_FRAME_INPUT,
        lifts="a term of one cell is all of its effect, so C1 fails at either level",
        findings=dropped_in_frame_input(grad_cam, "(y₁−x₁)² at (1)", "grad_cam/input"),
    ),
    Refutation(
        name="grad_cam_leaks",
        title="In front of a general head Grad-CAM gives to positions that have no part in an effect.",
        claim="L_p = 0 for a position p with κ_p = 0, in either frame",
        hypotheses=ONE_CHANNEL,
        statement="y = A_1 at A = (1, 1): L_2 = A_2/Z = ½, in either frame",
        source="(24)",
        covers=TERMS,
        lifts="the gradients are averaged over all positions",
        findings=(
            nobody_outside(grad_cam, "x₁ at (1, 1), a_2", HALF, refutes=cells(ANY_HEAD, "baseline", "C2")),
            nobody_outside(
                grad_cam,
                "(y₁−x₁) at (1, 1), a_2",
                HALF,
                settings=IN_FRAME_INPUT,
                claim="a_i = 0 if κ_i = 0, frame input",
                refutes=cells("grad_cam/input", "input", "C2"),
            ),
        ),
    ),
    Refutation(
        name="grad_cam_loses_mixed_signs",
        title="Cells of either sign can leave Grad-CAM without anything to hand out.",
        claim="a term of a general head reaches a position, Σ_p |L_p| ≠ 0",
        hypotheses=ONE_CHANNEL,
        statement="y = A_1 A_2 at A = (1, −1): α = (A_2 + A_1)/2 = 0, and the effect is −1",
        source="(24)",
        covers=TERMS,
        lifts="behind a ReLU all cells are ≥ 0, and the weights of a term are too",
        findings=(somebody(grad_cam, "x₁x₂ at (1, −1)", limits=cells(ANY_HEAD, "baseline", "C1 term")),),
    ),
    Refutation(
        name="grad_cam_rectified",
        title="The final ReLU of Grad-CAM withholds what lowers the output, and is not linear in it.",
        claim="a term of the cells reaches a position, Σ_p |L_p| ≠ 0; it is handed out once; −y has the "
        "negative scores of y",
        hypotheses="one channel; x_p is the cell A_p",
        statement="y = −A_1 at A = 1: max(L_1, 0) = 0, and I(1) = −1; A_1 has the score 1",
        source="(24)",
        covers="terms ±y^κ, n ≤ 3, m ≤ 4, cells 1 and 2, by n, m, |supp κ|, Σ|x|",
        lifts="a rule that is no linear function of y has no weights at all: the ReLU is a gate after them",
        findings=(
            somebody(
                rectified,
                "−x₁ at (1)",
                settings=OF_EITHER_SIGN,
                refutes=cells("grad_cam/relu", "baseline", "C1 term", "C1 effect"),
            ),
            once(
                rectified,
                "−x₁ at (1)",
                0,
                -1,
                settings=OF_EITHER_SIGN,
                refutes=cells("grad_cam/relu", "baseline", "C3"),
            ),
            Finding("a(−y) = −a(y)", partial(odd, method=rectified), "x₁ at (1)", left=0, right=-1),
        ),
    ),
)

"""A mean over references is no allocation of the effects seen from their mean.

y² at x = 1, references ±1 equally likely, b̄ = 0: a_1 = 1 − E b² = 0, and I(2) = 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import sympy as sp

from proofs.refutations.polynomials import ORDER, Method, Y, monomial
from proofs.refutations.refutation import Case, Finding, Refutation, cells
from proofs.refutations.scores import integrated_gradients, prediction_difference, shapley

METHODS: dict[str, tuple[Method, tuple[str, ...]]] = {
    "expected_gradients": (integrated_gradients, ("C1 term", "C1 effect", "C3")),
    "prediction_difference": (prediction_difference, ("C1 term", "C1 effect")),
    "deep_shap deep_shap/linear_activation": (shapley, ("C1 term", "C1 effect", "C3")),
}
"""Rules, the method for one reference, and what holds in the frame of each reference alone."""


def averaged(method: Method, spread: Callable[[int], int] = int) -> Iterator[tuple[Case, Case]]:
    """Yield y^m at x with the references ±τ: what is handed out, and whether it is anything.

    Args:
        method: The method for one reference.
        spread: τ from 1 and 2; 0 leaves one reference.
    """
    (y,) = Y[:1]
    sizes = sorted((m, x + tau, x, tau) for m in range(1, ORDER + 1) for x in (1, 2) for tau in (1, 2))
    for m, total, x, tau in sizes:
        move = spread(tau)
        means = [method((y + b) ** m, (y,), (x - b,))[0] / 2 for b in (-move, move)]
        case = Case((1, m, 1, total), f"{monomial((m,))} at ({x}), references ±{tau}", sp.Add(*means), x**m)
        yield case, case._replace(left=sp.Abs(case.left), right=sp.Integer(0))


def shared(method: Method, spread: Callable[[int], int] = int) -> Iterator[Case]:
    """Every term, handed out once."""
    return (once for once, _ in averaged(method, spread))


def reached(method: Method, spread: Callable[[int], int] = int) -> Iterator[Case]:
    """Every term, reaching somebody."""
    return (some for _, some in averaged(method, spread))


REFUTATION = Refutation(
    name="references_in_one_frame",
    title="A mean over references is no allocation of the effects seen from their mean.",
    claim="the mean over references hands out every term of (y − b̄)^κ, b̄ = E b, once, and not nothing",
    hypotheses="one variable, in which Expected Gradients, Prediction Difference, Deep SHAP agree; eq. (21)",
    statement="y² at x = 1, references ±1: a_1 = 1 − E b² = 0 in the mean, and I(2) = 1 at b̄ = 0",
    source="(22), (26), (43)",
    covers="y^m, m ≤ 4, x and τ 1 or 2, references ±τ, by m, x + τ; Expected Gradients, Prediction "
    "Difference, Deep SHAP",
    lifts="so C1 and C3 of these methods are statements about each effect in the frame of its own reference",
    findings=tuple(
        finding
        for rules, (method, columns) in METHODS.items()
        for finding in (
            Finding(
                claim=f"Σ|a_i| ≠ 0, {rules}",
                cases=partial(reached, method=method),
                witness="x₁² at (1), references ±1",
                left=0,
                right=0,
                equal=False,
                limits=cells(rules, "baseline", "C1 term", "C1 effect"),
            ),
            Finding(
                claim=f"Σ a_i = I(κ), {rules}",
                cases=partial(shared, method=method),
                witness="x₁² at (1), references ±1",
                left=0,
                right=1,
                limits=cells(rules, "baseline", *(c for c in columns if c == "C3")),
            ),
        )
    ),
)

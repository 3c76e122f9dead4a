"""Two networks that compute one function, and two allocations of one of its effects by one rule.

Statement: Rescale shares the term 2 x_1² x_2 of (x_1² + x_2)² as (½, ½) if it is computed as the square
of x_1² + x_2, and as (⅔, ⅓), like Integrated Gradients, if computed as one layer of powers of linear
forms. The difference of the two networks computes 0 and has no effects; Rescale gives it (−⅓, +⅓) x_1²
x_2, up to the sign of the difference.

Hypotheses: b = 0; every Δz ≠ 0.

Source: eq. (47), (39), (46).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from proofs.theorem import Step, Theorem

HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)


def rescaled(inputs: Sequence[sp.Expr], power: int) -> list[sp.Expr]:
    """Return u_i Δy/Δz of the unit z^power, z = Σ u_i, reference 0."""
    return [u * sp.Add(*inputs) ** (power - 1) for u in inputs]


def prove(
    squared: tuple[sp.Expr, sp.Expr] = (HALF, HALF),
    powers: tuple[sp.Expr, sp.Expr] = (2 * THIRD, THIRD),
) -> Iterator[Step]:
    """Both networks, their scores, and what is left of them where the outputs cancel."""
    x = sp.symbols("x1:3")
    effect = 2 * x[0] ** 2 * x[1]
    # Hidden units x_1² and x_2, each of one input, which gets all of it; the output unit squares their sum.
    first = rescaled([x[0] ** 2, x[1]], 2)
    # x_1⁴ + x_2² + (1/3)[(x_1 + x_2)³ − (x_1 − x_2)³ − 2 x_2³]
    layer = [
        (sp.Integer(1), (x[0], sp.Integer(0)), 4),
        (sp.Integer(1), (sp.Integer(0), x[1]), 2),
        (THIRD, (x[0], x[1]), 3),
        (-THIRD, (x[0], -x[1]), 3),
        (-2 * THIRD, (sp.Integer(0), x[1]), 3),
    ]
    second = [sp.Add(*(v * rescaled(u, p)[i] for v, u, p in layer)) for i in range(2)]
    f = (x[0] ** 2 + x[1]) ** 2
    yield Step("one layer computes the same", sp.Add(*(v * sp.Add(*u) ** p for v, u, p in layer)), f)
    for name, scores, shares in (("square", first, squared), ("one layer", second, powers)):
        yield Step(f"{name}: complete", sp.Add(*scores), f)
        for i, (score, rest) in enumerate(zip(scores, (x[0] ** 4, x[1] ** 2), strict=True)):
            yield Step(f"{name}: R_{i + 1}", score, rest + shares[i] * effect)
    for i, sign in enumerate((-1, 1)):
        gap = sign * THIRD * x[0] ** 2 * x[1]
        yield Step(f"square − one layer computes 0: R_{i + 1}", first[i] - second[i], gap)
    alpha = sp.Symbol("alpha")
    for i in range(2):
        slope = sp.diff(f, x[i]).subs({v: alpha * v for v in x}, simultaneous=True)
        gradients = x[i] * sp.integrate(sp.expand(slope), (alpha, 0, 1))
        yield Step(f"one layer is Integrated Gradients: R_{i + 1}", second[i], gradients)


THEOREM = Theorem(
    name="cancelled_effects",
    statement="(x_1² + x_2)²: 2 x_1² x_2 is shared as (½, ½) by a square, as (⅔, ⅓) by one layer; their "
    "difference is 0 and Rescale gives it ∓x_1² x_2/3",
    source="(47), (39)",
    covers="both networks and all of their terms",
    lifts="nothing is left: a weight at I(κ) = 0 would give 0, and Rescale gives ∓x_1² x_2/3",
    prove=prove,
)

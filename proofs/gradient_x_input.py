"""Gradient × Input counts a Taylor effect once for every factor it has.

Statement: a_i = Δ_i ∂_i f(x) = Σ_κ κ_i I(κ). In frame input a_i = I^x(e_i), so I^x(κ) has the weight
1[κ = e_i]. With x_i in place of Δ_i, x_i ∂_i f(x) = Σ_κ κ_i (x_i/Δ_i) I(κ), Δ_i ≠ 0.

Hypotheses: the Taylor series of f at b converges absolutely at x; in frame input f has a derivative at x.

Source: eq. (13), (7), T2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.frame_of_taylor_effects import seen_from_the_input
from proofs.smooth import Polynomial
from proofs.theorem import Number, Step, Theorem


def share(k: Number, m: Number) -> sp.Expr:
    """Return κ_i, for k = κ_i and m = |κ|."""
    return sp.sympify(k)


def share_from_the_input(k: Number, m: Number) -> sp.Expr:
    """Return 1[κ = e_i], for integers k = κ_i and m = |κ|."""
    return sp.Integer(k == m == 1)


def share_of_the_input(k: Number, x: sp.Expr, delta: sp.Expr) -> sp.Expr:
    """Return κ_i x_i/Δ_i, the weight if the gradient is multiplied by x_i."""
    return k * x / delta


def prove(
    ratio: Callable[[Number, Number], sp.Expr] = share,
    from_the_input: Callable[[Number, Number], sp.Expr] = share_from_the_input,
    times_input: Callable[[Number, sp.Expr, sp.Expr], sp.Expr] = share_of_the_input,
) -> Iterator[Step]:
    """A monomial with symbolic exponents, the other variables as one; then polynomials, in both frames.

    Args:
        ratio: The weight w_i(κ) in frame baseline from k = κ_i and m = |κ|, both symbols or integers.
        from_the_input: The weight in frame input, from integers.
        times_input: The weight in frame baseline of x_i ∂_i f(x), from κ_i, x_i and Δ_i.

    Yields:
        The steps.
    """
    k, q = sp.symbols("kappa_i rest", integer=True, positive=True)
    y, delta = sp.symbols("y1:3", positive=True), sp.symbols("Delta1:3", positive=True)

    def attributed(f: sp.Expr) -> sp.Expr:
        return delta[0] * sp.diff(f, y[0]).subs(list(zip(y, delta, strict=True)))

    own, others = delta[0] ** k, delta[1] ** q
    yield Step("T2: a pure power", attributed(y[0] ** k), ratio(k, k) * own)
    yield Step("a product", attributed(y[0] ** k * y[1] ** q), ratio(k, k + q) * own * others)
    yield Step("a term without y_i", attributed(y[1] ** q), ratio(sp.Integer(0), q) * others)
    x = sp.Symbol("x_1")
    with_x = attributed(y[0] ** k * y[1] ** q) / delta[0] * x
    yield Step("x_i in place of Δ_i", with_x, times_input(k, x, delta[0]) * own * others)

    for n, order in ((2, 4), (3, 3)):
        f = Polynomial(n, order)
        effects = f.effects()
        for i in range(n):
            slope = sp.diff(f.expression, f.y[i]).subs(dict(zip(f.y, f.delta, strict=True)))
            stated = sp.Add(*(ratio(e[i], sum(e)) * effect for e, effect in effects.items()))
            yield Step(f"n = {n}, order ≤ {order}: a_{i + 1}", f.delta[i] * slope, stated)
            other = seen_from_the_input(effects).items()
            dual = sp.Add(*(from_the_input(e[i], sum(e)) * effect for e, effect in other))
            yield Step(f"n = {n}, order ≤ {order}: a_{i + 1} in frame input", f.delta[i] * slope, dual)


THEOREM = Theorem(
    name="gradient_x_input",
    statement="Δ_i ∂_i f(x) = Σ_κ κ_i I(κ) = I^x(e_i)",
    source="(13), T2",
    covers="monomials with symbolic exponents, the variables other than i as one; all coefficients for "
    "n = 2, order ≤ 4 and n = 3, order ≤ 3, in both frames",
    lifts="Π_{j≠i} y_j^{κ_j} is a constant for ∂_i: every n; linearity and absolute convergence: series; "
    "I^x(e_i) needs one derivative and no series",
    prove=prove,
)

"""Integrated Hessians share a Taylor effect by the products of its exponents.

Statement: Γ_ij = Δ_i Δ_j ∫₀¹∫₀¹ αβ ∂_ij f(b + αβΔ) dα dβ, i ≠ j, and Γ_ii = Δ_i ∫₀¹∫₀¹ ∂_i f(b + αβΔ) dα dβ +
Δ_i² ∫₀¹∫₀¹ αβ ∂_ii f(b + αβΔ) dα dβ have Γ_ij = Σ_κ κ_i κ_j/m² I(κ), m = |κ|, the diagonal included. Rows add
up to Integrated Gradients, Σ_κ κ_i/m I(κ), and everything adds up to f(x) − f(b).

Hypotheses: the Taylor series of f at b converges absolutely at x.

Source: eq. (65), (18), T1, T10; definition of Janizek, Sturmfels, Lee, arXiv 2002.04138.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.smooth import Polynomial, over_unit_interval, up_to
from proofs.theorem import Number, Step, Theorem

ALPHA, BETA = sp.symbols("alpha beta", positive=True)


def share(k: Number, l: Number, m: Number) -> sp.Expr:  # noqa: E741
    """Return κ_i κ_j/m²."""
    return sp.sympify(k) * l / sp.sympify(m) ** 2


def mean(integrand: sp.Expr) -> sp.Expr:
    """Return ∫₀¹∫₀¹ of the integrand in α and β."""
    for variable in (ALPHA, BETA):
        integrand = over_unit_interval(integrand, variable)
    return integrand


def defined(f: sp.Expr, y: tuple[sp.Symbol, ...], delta: tuple[sp.Symbol, ...], i: int, j: int) -> sp.Expr:
    """Return Γ_ij of f(y), y = 0 the baseline and y = Δ the input, by its definition."""
    path = [(variable, ALPHA * BETA * way) for variable, way in zip(y, delta, strict=True)]
    second = delta[i] * delta[j] * mean(ALPHA * BETA * sp.diff(f, y[i], y[j]).subs(path))
    if i != j:
        return second
    return delta[i] * mean(sp.diff(f, y[i]).subs(path)) + second


def prove(weight: Callable[..., sp.Expr] = share) -> Iterator[Step]:
    """A monomial with symbolic exponents, all but two variables grouped; then a polynomial of order 3."""
    k, l, q = sp.symbols("kappa_i kappa_j rest", integer=True, positive=True)  # noqa: E741
    y, delta = sp.symbols("y1:4", positive=True), sp.symbols("Delta1:4", positive=True)
    m = k + l + q
    f = y[0] ** k * y[1] ** l * y[2] ** q
    effect = f.subs(list(zip(y, delta, strict=True)))
    yield Step("i ≠ j", defined(f, y, delta, 0, 1), weight(k, l, m) * effect)
    yield Step("i = j", defined(f, y, delta, 0, 0), weight(k, k, m) * effect)
    alone = y[0] ** k
    pure = alone.subs(y[0], delta[0])
    yield Step("i = j, a pure power", defined(alone, y, delta, 0, 0), weight(k, k, k) * pure)
    alpha = sp.Symbol("alpha", positive=True)
    gradients = sp.integrate(k * alpha ** (m - 1), (alpha, 0, 1))
    yield Step("T1: the share of Integrated Gradients", gradients, k / m)
    yield Step("a row", weight(k, k, m) + weight(k, l, m) + weight(k, q, m), k / m)
    yield Step(
        "T10: all entries", weight(k, k, m) + 2 * weight(k, m - k, m) + weight(m - k, m - k, m), sp.Integer(1)
    )

    p = Polynomial(2, 3)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        stated = sp.Add(*(weight(e[i], e[j], sum(e)) * p.derivative(e) for e in up_to(2, 3)))
        yield Step(f"n = 2, order ≤ 3: Γ_{i + 1}{j + 1}", defined(p.expression, p.y, p.delta, i, j), stated)


THEOREM = Theorem(
    name="integrated_hessians",
    statement="Γ_ij = Σ_κ κ_i κ_j/|κ|² I(κ), diagonal included; rows add up to Integrated Gradients",
    source="(65), (18), T1, T10",
    covers="monomials with symbolic exponents, the variables other than i and j as one; "
    "all coefficients for n = 2, order ≤ 3",
    lifts="Π_{l≠i,j} y_l^{κ_l} enters as one constant power of αβ: every n; "
    "linearity and absolute convergence: series",
    prove=prove,
)

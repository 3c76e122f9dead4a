"""Integrated Gradients by a quadrature are an allocation of their own.

Statement: a_i = Δ_i Σ_q ω_q ∂_i f(b + α_q Δ) = Σ_κ κ_i Q(m) I(κ), Q(m) = Σ_q ω_q α_q^{m−1}; a row adds up
to m Q(m). For Gauss–Legendre with N nodes Q(m) = 1/m exactly if and only if m ≤ 2N; at m = 2N + 1 it
lacks (N!)⁴/((2N+1) ((2N)!)²).

Hypotheses: the Taylor series of f at b converges absolutely at x, α_q ∈ [0, 1].

Source: eq. (19), (18).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy as sp

from proofs.smooth import Polynomial
from proofs.theorem import Number, Step, Theorem

GAUSS: Mapping[int, Sequence[tuple[sp.Expr, Any]]] = {
    1: [(sp.Rational(1, 2), sp.Integer(1))],
    2: [((1 + sign / sp.sqrt(3)) / 2, sp.Rational(1, 2)) for sign in (-1, 1)],
    3: [((1 + sign * sp.sqrt(sp.Rational(3, 5))) / 2, sp.Rational(5, 18)) for sign in (-1, 1)]
    + [(sp.Rational(1, 2), sp.Rational(4, 9))],
}
"""(α_q, ω_q) on [0, 1]."""


def share(k: Number, m: Number, nodes: Sequence[sp.Expr], weights: Sequence[sp.Expr]) -> sp.Expr:
    """Return κ_i Σ_q ω_q α_q^{m−1}, for k = κ_i and m = |κ|."""
    return sp.Add(*(k * w * a ** (m - 1) for a, w in zip(nodes, weights, strict=True)))


def prove(
    ratio: Callable[[Number, Number, Sequence[sp.Expr], Sequence[sp.Expr]], sp.Expr] = share,
) -> Iterator[Step]:
    """Monomials with symbolic exponents, nodes and weights; polynomials; the degree of Gauss–Legendre.

    Args:
        ratio: The weight w_i(κ) from κ_i, |κ|, the nodes and the weights.

    Yields:
        The steps.
    """
    k, q = sp.symbols("kappa_i rest", integer=True, positive=True)
    y, delta = sp.symbols("y1:3", positive=True), sp.symbols("Delta1:3", positive=True)
    nodes, weights = sp.symbols("alpha1:4", positive=True), sp.symbols("omega1:4")
    effect = delta[0] ** k * delta[1] ** q
    slope = sp.diff(y[0] ** k * y[1] ** q, y[0])
    path = [{v: a * d for v, d in zip(y, delta, strict=True)} for a in nodes]
    direct = sp.Add(*(delta[0] * w * slope.subs(at) for w, at in zip(weights, path, strict=True)))
    direct = sp.powsimp(sp.expand(sp.expand_power_base(direct)))
    yield Step("a product", direct, ratio(k, k + q, nodes, weights) * effect)
    row = ratio(k, k + q, nodes, weights) + ratio(q, k + q, nodes, weights)
    Q = sp.Add(*(w * a ** (k + q - 1) for a, w in zip(nodes, weights, strict=True)))
    yield Step("a row adds up to m Q(m)", row, (k + q) * Q)

    f = Polynomial(2, 4)
    for i in range(2):
        gradient = sp.diff(f.expression, f.y[i])
        at = [dict(zip(f.y, [a * d for d in f.delta], strict=True)) for a in nodes]
        direct = sp.Add(
            *(f.delta[i] * w * gradient.subs(point) for w, point in zip(weights, at, strict=True))
        )
        stated = sp.Add(*(ratio(e[i], sum(e), nodes, weights) * J for e, J in f.effects().items()))
        yield Step(f"n = 2, order ≤ 4: a_{i + 1}", direct, stated)

    for N, rule in GAUSS.items():
        points, masses = zip(*rule, strict=True)
        for m in range(1, 2 * N + 1):
            yield Step(f"Gauss, {N} nodes, m = {m}", ratio(1, m, points, masses), sp.Rational(1, m))
        m = 2 * N + 1
        lacking = sp.Rational(sp.factorial(N) ** 4, m * sp.factorial(2 * N) ** 2)
        yield Step(f"Gauss, {N} nodes, m = {m}", ratio(1, m, points, masses), sp.Rational(1, m) - lacking)
    s = sp.Symbol("alpha")
    for N, rule in GAUSS.items():  # the nodes are the zeros of the Legendre polynomial of [0, 1]
        legendre = sp.legendre(N, 2 * s - 1)
        leading = sp.LC(sp.Poly(sp.expand(legendre), s))
        zeros = leading * sp.Mul(*(s - a for a, _ in rule))
        yield Step(f"Gauss, {N} nodes: the zeros of P_{N}(2α − 1)", sp.expand(zeros), sp.expand(legendre))
        for j in range(N):
            orthogonal = sp.integrate(sp.expand(legendre * s**j), (s, 0, 1))
            yield Step(f"P_{N}(2α − 1) is orthogonal to α^{j}", orthogonal, sp.Integer(0))


THEOREM = Theorem(
    name="quadrature",
    statement="Δ_i Σ_q ω_q ∂_i f(b + α_q Δ) = Σ_κ κ_i Q(m) I(κ), Q(m) = Σ_q ω_q α_q^{m−1};  Gauss with "
    "N nodes: Q(m) = 1/m iff m ≤ 2N",
    source="(19), (18)",
    covers="monomials with symbolic exponents, three symbolic nodes and weights; all coefficients for n "
    "= 2, order ≤ 4; Gauss–Legendre with 1, 2, 3 nodes, m ≤ 2N + 1",
    lifts="one node after the other: any number; α^{m−1} divided by P_N, orthogonality: every N, m ≤ "
    "2N; the error of Gauss is (a positive factor) · (derivative of order 2N) > 0 for m > 2N",
    prove=prove,
)

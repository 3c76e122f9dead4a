"""Integrated Gradients share a Taylor effect in proportion to the exponents, in either frame.

Statement: a_i = Δ_i ∫₀¹ ∂_i f(b + αΔ) dα = Σ_κ (κ_i/m) I(κ) = Σ_κ (κ_i/m) I^x(κ), m = |κ|.

Hypotheses: the Taylor series of f at b (at x) converges absolutely at x (at b).

Source: eq. (18), (9), T1; the attribution is that of Sundararajan, Taly, Yan, arXiv 1703.01365.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.smooth import Polynomial, over_unit_interval
from proofs.theorem import Number, Step, Theorem

ALPHA = sp.Symbol("alpha", positive=True)


def share(k: Number, m: Number) -> sp.Expr:
    """Return κ_i/|κ|, for k = κ_i and m = |κ|."""
    return sp.sympify(k) / m


def integrated(f: sp.Expr, y: tuple[sp.Symbol, ...], delta: tuple[sp.Symbol, ...], i: int) -> sp.Expr:
    """Return Δ_i ∫₀¹ ∂_i f(αΔ) dα; y = 0 is the baseline."""
    path = [(variable, ALPHA * way) for variable, way in zip(y, delta, strict=True)]
    return delta[i] * over_unit_interval(sp.diff(f, y[i]).subs(path), ALPHA)


def prove(ratio: Callable[[Number, Number], sp.Expr] = share) -> Iterator[Step]:
    """A monomial with symbolic exponents, the other variables as one; then polynomials, in both frames.

    Args:
        ratio: The weight w_i(κ) from k = κ_i and m = |κ|, both symbols or integers; the same in both frames.

    Yields:
        The steps.
    """
    k, q = sp.symbols("kappa_i rest", integer=True, positive=True)
    y, delta = sp.symbols("y1:3", positive=True), sp.symbols("Delta1:3", positive=True)
    own, others = delta[0] ** k, delta[1] ** q
    yield Step("T1", sp.integrate(k * ALPHA ** (k + q - 1), (ALPHA, 0, 1)), ratio(k, k + q))
    yield Step("a pure power", integrated(y[0] ** k, y, delta, 0), ratio(k, k) * own)
    product = integrated(y[0] ** k * y[1] ** q, y, delta, 0)
    yield Step("a product", product, ratio(k, k + q) * own * others)
    yield Step("a term without y_i", integrated(y[1] ** q, y, delta, 0), ratio(sp.Integer(0), q) * others)
    yield Step("the weights of a term add up to 1", ratio(k, k + q) + ratio(q, k + q), sp.Integer(1))

    for n, order in ((2, 4), (3, 3)):
        f = Polynomial(n, order)
        effects, other = f.effects(), f.effects_from_the_input()
        for i in range(n):
            direct = integrated(f.expression, f.y, f.delta, i)
            for frame, table in (("baseline", effects), ("input", other)):
                stated = sp.Add(*(ratio(e[i], sum(e)) * effect for e, effect in table.items()))
                yield Step(f"n = {n}, order ≤ {order}: a_{i + 1}, frame {frame}", direct, stated)


THEOREM = Theorem(
    name="integrated_gradients",
    statement="Δ_i ∫₀¹ ∂_i f(b + αΔ) dα = Σ_κ (κ_i/|κ|) I(κ) = Σ_κ (κ_i/|κ|) I^x(κ)",
    source="(18), (9), T1",
    covers="monomials with symbolic exponents, the variables other than i as one; all coefficients for "
    "n = 2, order ≤ 4 and n = 3, order ≤ 3, in both frames",
    lifts="Π_{j≠i} y_j^{κ_j} enters as one power of α: every n; linearity and absolute convergence: "
    "series; exchanging x and b turns α into 1 − α: the other frame",
    prove=prove,
)

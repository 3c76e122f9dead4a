"""Rules that average gradients between baseline and input, and the one of them that is complete.

Statement: a_i = Δ_i ∫ ∂_i f(b + αΔ) dμ(α), μ a measure on [0, 1], gives w_i(κ) = κ_i M_{m−1}, M_k = ∫ α^k
dμ. A row adds up to m M_{m−1}; C3 holds iff M_k = 1/(k+1) for all k, the moments of the uniform measure,
so that the rule is Integrated Gradients. A unit mass at 1 is Gradient × Input, at 0 it is Δ_i ∂_i f(b);
Beta(a, b) has M_m = M_{m−1} (a+m−1)/(a+b+m−1).

Hypotheses: the Taylor series of f at b converges absolutely at x.

Source: eq. (70), (18), (13), (19).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp

from proofs.smooth import Polynomial
from proofs.theorem import Number, Step, Theorem

ALPHA = sp.Symbol("alpha", positive=True)


Moment: Any = sp.Function("M")
"""M_k = ∫ α^k dμ of a measure about which nothing else is known."""


def share(k: Number, m: Number, moment: Callable[[Number], sp.Expr]) -> sp.Expr:
    """Return κ_i M_{m−1}, for k = κ_i, m = |κ| and M as a function."""
    return k * moment(sp.sympify(m) - 1)


def averaged(polynomial: sp.Expr) -> sp.Expr:
    """Return ∫ of a polynomial in α: α^k becomes M_k."""
    terms = sp.Poly(sp.expand(polynomial), ALPHA).terms()
    return sp.Add(*(weight * Moment(power) for (power,), weight in terms))


def prove(ratio: Callable[[Number, Number, Callable[[Number], sp.Expr]], sp.Expr] = share) -> Iterator[Step]:
    """Monomials with symbolic exponents under the integral; polynomials; then what C3 asks of the moments.

    Args:
        ratio: The weight w_i(κ) from κ_i, |κ| and the moments k ↦ M_k.

    Yields:
        The steps.
    """
    k, q = sp.symbols("kappa_i rest", integer=True, positive=True)
    y, delta = sp.symbols("y1:3", positive=True), sp.symbols("Delta1:3", positive=True)
    slope = sp.diff(y[0] ** k * y[1] ** q, y[0]).subs({v: ALPHA * d for v, d in zip(y, delta, strict=True)})
    effect = delta[0] ** k * delta[1] ** q
    integrand = ratio(k, k + q, lambda power: ALPHA**power) * effect
    yield Step("a product, at one α", sp.powsimp(sp.expand_power_base(delta[0] * slope)), integrand)
    for n, order in ((2, 4), (3, 3)):
        f = Polynomial(n, order)
        path = {v: ALPHA * d for v, d in zip(f.y, f.delta, strict=True)}
        for i in range(n):
            direct = f.delta[i] * averaged(sp.diff(f.expression, f.y[i]).subs(path))
            stated = sp.Add(*(ratio(e[i], sum(e), Moment) * J for e, J in f.effects().items()))
            yield Step(f"n = {n}, order ≤ {order}: a_{i + 1}", direct, stated)

    row = ratio(k, k + q, Moment) + ratio(q, k + q, Moment)
    yield Step("a row adds up to m M_{m−1}", row, (k + q) * Moment(k + q - 1))
    complete = {Moment(k + q - 1): 1 / (k + q)}
    yield Step("C3 at order m: the weights", ratio(k, k + q, Moment).subs(complete), k / (k + q))
    m = sp.Symbol("m", integer=True, positive=True)
    uniform = sp.integrate(ALPHA ** (m - 1), (ALPHA, 0, 1))
    yield Step("1/m is the moment of the uniform measure", uniform, 1 / m)
    yield Step("unit mass at 1: Gradient × Input", ratio(k, k + q, lambda power: sp.Integer(1)), k)
    a, b = sp.symbols("a b", positive=True)

    def beta(k: Number) -> sp.Expr:
        return sp.gamma(a + k) * sp.gamma(a + b) / sp.gamma(a) / sp.gamma(a + b + k)

    # (a+b+k) M_{k+1} = (a+k) M_k, from a total derivative that vanishes at both ends; k = m − 1.
    density = ALPHA ** (a - 1) * (1 - ALPHA) ** (b - 1)
    boundary = sp.diff(ALPHA ** (a + m - 1) * (1 - ALPHA) ** b, ALPHA)
    parts = density * ((a + m - 1) * ALPHA ** (m - 1) - (a + b + m - 1) * ALPHA**m)
    yield Step("Beta(a, b): by parts", boundary / parts, sp.Integer(1))
    yield Step("Beta(a, b): M_m/M_{m−1}", beta(m) / beta(m - 1), (a + m - 1) / (a + b + m - 1))
    yield Step("Beta(a, b): M_0", beta(0), sp.Integer(1))
    yield Step("Beta(1, 1): uniform", beta(m - 1).subs({a: 1, b: 1}), 1 / m)
    zero = sp.Integer(0)
    higher = ratio(m + 1, m + 1 + q, lambda power: zero**power)
    yield Step("unit mass at 0, κ_i > 1", higher, zero)
    yield Step("unit mass at 0, κ ≥ e_i + e_j", ratio(1, 1 + q, lambda power: zero**power), zero)
    yield Step("unit mass at 0, m = 1", ratio(1, 1, lambda power: zero**power), sp.Integer(1))


THEOREM = Theorem(
    name="straight_paths",
    statement="Δ_i ∫ ∂_i f(b + αΔ) dμ(α) = Σ_κ κ_i M_{|κ|−1} I(κ);  C3 ⇔ M_k = 1/(k+1) for all k ⇔ "
    "Integrated Gradients",
    source="(70), (18), (13)",
    covers="monomials with symbolic exponents; any moments with all coefficients for n = 2, order ≤ 4 "
    "and n = 3, order ≤ 3",
    lifts="linearity and absolute convergence: series; a measure on [0, 1] is determined by its moments "
    "(Hausdorff)",
    prove=prove,
)

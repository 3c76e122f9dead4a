"""Two bounds on what a series of one variable leaves out.

Statement: R_K(g) = g(1) − Σ_{m≤K} [t^m] g = ∫₀¹ (1−t)^K/K! · g^{(K+1)}(t) dt, hence (Lagrange)
|R_K(g)| ≤ max_{[0,1]} |g^{(K+1)}|/(K+1)!. If |g| ≤ M on |t| = ρ > 1, then (Cauchy) |[t^m] g| ≤ M ρ^{−m} and
|R_K(g)| ≤ M ρ^{−K}/(ρ − 1).

Hypotheses: g is K+1 times continuously differentiable on [0, 1]; for Cauchy, analytic on |t| ≤ ρ.

Source: eq. (59), T14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.smooth import Smooth
from proofs.theorem import Number, Step, Theorem


def cauchy(rho: sp.Expr, K: sp.Expr) -> sp.Expr:
    """Return ρ^{−K}/(ρ − 1), the tail of Σ ρ^{−m} behind K."""
    return rho**-K / (rho - 1)


def prove(tail: Callable[[sp.Expr, sp.Expr], sp.Expr] = cauchy) -> Iterator[Step]:
    """Integral form by telescoping, Cauchy's coefficients by orthogonality, then a geometric series."""
    K, m, j = sp.symbols("K m j", integer=True, positive=True)
    t = sp.Symbol("t", positive=True)

    def term(m: Number) -> sp.Expr:
        return (1 - t) ** m / sp.factorial(m) * Smooth(m, t)

    def slope(m: Number) -> sp.Expr:
        return (1 - t) ** m / sp.factorial(m) * Smooth(m + 1, t)

    # F(t) = Σ_{m≤K} term(m) has F(1) = g(1), F(0) = Σ_{m≤K} [t^m] g; F' telescopes to slope(K).
    yield Step("F′, the term m = 0", sp.diff(term(sp.Integer(0)), t), slope(sp.Integer(0)))
    yield Step("F′, the term m", sp.diff(term(m), t), slope(m) - slope(m - 1))
    yield Step("F(1): the term m = 0", term(sp.Integer(0)).subs(t, 1), Smooth(0, 1))
    yield Step("F(1): the other terms vanish", term(m).subs(t, 1), sp.Integer(0))
    yield Step("F(0): the term m is [t^m] g", term(m).subs(t, 0), Smooth(m, 0) / sp.factorial(m))
    primitive = -((1 - t) ** (K + 1)) / sp.factorial(K + 1)
    yield Step("the weight of g^(K+1): a primitive", sp.diff(primitive, t), (1 - t) ** K / sp.factorial(K))
    mass = primitive.subs(t, 1) - primitive.subs(t, 0)
    yield Step("the weight of g^(K+1) has mass 1/(K+1)!", mass, 1 / sp.factorial(K + 1))

    # On |t| = ρ the mean of g(ρe^{iθ}) e^{−imθ} is ρ^m [t^m] g, and at most M.
    theta = sp.Symbol("theta", real=True)
    mean = sp.integrate(sp.exp(sp.I * j * theta), (theta, 0, 2 * sp.pi)) / (2 * sp.pi)
    yield Step("mean of e^{ijθ}, j ≠ 0", mean, sp.Integer(0))
    rho, excess = sp.Symbol("rho", positive=True), sp.Symbol("delta", positive=True)
    yield Step("Σ_{m>K} ρ^{−m}: one term", tail(rho, K - 1) - tail(rho, K), rho**-K)
    yield Step(
        "Σ_{m>K} ρ^{−m}: nothing is left far out", sp.limit(tail(1 + excess, m), m, sp.oo), sp.Integer(0)
    )


THEOREM = Theorem(
    name="series_remainder",
    statement="|R_K(g)| ≤ max|g^{(K+1)}|/(K+1)!;  |g| ≤ M on |t| = ρ > 1  ⇒  |R_K(g)| ≤ M ρ^{−K}/(ρ − 1)",
    source="(59), T14",
    covers="symbolic K and m, unspecified g",
    lifts="monotonicity of the integral, the triangle inequality, and uniform convergence of g on |t| = ρ",
    prove=prove,
)

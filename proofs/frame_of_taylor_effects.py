"""Taylor effects seen from the other end.

Statement: with I^x(κ) = (−1)^{m+1} ∂^κ f(x) Δ^κ/κ!, m = |κ|, the effects of the expansion at x towards b,
I^x(κ) = (−1)^{m+1} Σ_{μ≥κ} C(μ, κ) I(μ), C(μ, κ) = Π_j C(μ_j, κ_j), and again Σ_κ I^x(κ) = f(x) − f(b).
The map is its own inverse.

Hypotheses: f a polynomial, or a series whose re-expansion at x converges absolutely.

Source: eq. (6), (7), T13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import sympy as sp

from proofs.binomials import alternating_sum
from proofs.smooth import MultiIndex, Polynomial
from proofs.theorem import Number, Step, Theorem


def change(mu: Sequence[Number], kappa: Sequence[Number]) -> sp.Expr:
    """Return (−1)^{|κ|+1} C(μ, κ), the part of I^x(κ) that comes from I(μ)."""
    sign = sp.Integer(-1) ** (sum(kappa) + 1)
    return sign * sp.Mul(*(sp.binomial(m, k) for m, k in zip(mu, kappa, strict=True)))


def seen_from_the_input(
    effects: Mapping[MultiIndex, sp.Expr], coefficient: Callable[..., sp.Expr] = change
) -> dict[MultiIndex, sp.Expr]:
    """Return I^x(κ) for every κ of the table: Σ_{μ≥κ} of the coefficient times I(μ)."""
    return {
        kappa: sp.Add(
            *(
                coefficient(mu, kappa) * effect
                for mu, effect in effects.items()
                if all(m >= k for m, k in zip(mu, kappa, strict=True))
            )
        )
        for kappa in effects
    }


def prove(coefficient: Callable[..., sp.Expr] = change) -> Iterator[Step]:
    """One variable with symbolic exponents, the same for two, then every coefficient to order 4."""
    mu, kappa = (sp.symbols(f"{name}1:3", integer=True, nonnegative=True) for name in ("mu", "kappa"))
    y, delta = sp.Symbol("y", positive=True), sp.symbols("Delta1:3", positive=True)

    def derivative(m: Number, k: Number) -> sp.Expr:
        return sp.factorial(m) / sp.factorial(m - k) * y ** (m - k)

    m, k = mu[0], kappa[0]
    yield Step("∂^0 y^μ", derivative(m, 0), y**m)
    yield Step("∂^κ y^μ, once more", sp.diff(derivative(m, k), y), derivative(m, k + 1))
    yield Step("∂^μ y^μ is a constant, so higher ones vanish", sp.diff(derivative(m, m), y), sp.Integer(0))
    at_x = [
        derivative(m, k).subs(y, way) * way**k / sp.factorial(k)
        for m, k, way in zip(mu, kappa, delta, strict=True)
    ]
    effect = delta[0] ** mu[0] * delta[1] ** mu[1]  # I(μ) of f = (y − b)^μ
    yield Step("a monomial", (-1) ** (sum(kappa) + 1) * at_x[0] * at_x[1], coefficient(mu, kappa) * effect)

    # Σ_{κ≠0} (−1)^{|κ|+1} C(μ, κ) = 1 − Π_j Σ_k (−1)^k C(μ_j, k) = 1 for μ ≠ 0: the effects add up again.
    # Twice: C(μ, ν) C(ν, κ) = C(μ, κ) C(μ−κ, ν−κ), and Σ_j (−1)^j C(μ−κ, j) leaves only κ = μ.
    yield from alternating_sum()
    nu = sp.Symbol("nu", integer=True, nonnegative=True)
    yield Step(
        "the map twice, one variable",
        coefficient((m,), (nu,)) * coefficient((nu,), (k,)),
        (-1) ** (nu + k) * sp.binomial(m, k) * sp.binomial(m - k, nu - k),
    )

    for n in (1, 2, 3):
        f = Polynomial(n, 4)
        other = seen_from_the_input(f.effects(), coefficient)
        for kappa, value in other.items():
            sign = sp.Integer(-1) ** (sum(kappa) + 1)
            yield Step(f"n = {n}, κ = {kappa}", sign * f.derivative(kappa, at_input=True), value)
        total = f.at(f.delta) - f.at([0] * n)
        yield Step(f"n = {n}: Σ I^x(κ) = f(x) − f(b)", sp.Add(*other.values()), total)


THEOREM = Theorem(
    name="frame_of_taylor_effects",
    statement="I^x(κ) = (−1)^{|κ|+1} Σ_{μ≥κ} C(μ, κ) I(μ); the map is its own inverse; Σ I^x = f(x) − f(b)",
    source="(6), (7), T13",
    covers="monomials with symbolic exponents, two variables; all coefficients of order ≤ 4, n ≤ 3",
    lifts="derivatives of a monomial are products over variables: every n; linearity: polynomials; "
    "absolute convergence: series",
    prove=prove,
)

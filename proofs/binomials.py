"""Sums of binomial coefficients that several proofs end in, each shown for all sizes by an inductive step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import alternating
from proofs.theorem import Number, Step

R, m, j = sp.symbols("R m j", integer=True, positive=True)
r, k = sp.symbols("r k", integer=True, nonnegative=True)
p = sp.Symbol("p", positive=True)


def alternating_sum(sign: Callable[..., sp.Expr] = alternating) -> Iterator[Step]:
    """Σ_{j=0}^{R} (−1)^j C(R, j) = 0 for R ≥ 1 (T12): its partial sums are (−1)^m C(R−1, m)."""

    def partial(m: Number) -> sp.Expr:
        return sign(m, 0) * sp.binomial(R - 1, m)

    yield Step("T12, first partial sum", partial(0), sp.binomial(R, 0))
    yield Step("T12, one more term", partial(m) - partial(m - 1), sign(m, 0) * sp.binomial(R, m))
    yield Step("T12, the whole sum", partial(R), sp.Integer(0))


def binomial_theorem() -> Iterator[Step]:
    """Σ_j C(m, j) p^j q^{m−j} = (p + q)^m: coefficient by coefficient, from m to m + 1."""

    def coefficient(m: Number, j: Number) -> sp.Expr:
        return sp.binomial(m, j)

    yield Step("binomial theorem, m = 0", coefficient(sp.Integer(0), 0), sp.Integer(1))
    yield Step(
        "binomial theorem, times (p + q): the coefficient of p^j",
        coefficient(m, j - 1) + coefficient(m, j),
        coefficient(m + 1, j),
    )
    yield Step("binomial theorem, at the ends", coefficient(m, 0) + coefficient(m, m + 1), sp.Integer(1))


def beta_integral() -> Iterator[Step]:
    """∫₀¹ p^r (1−p)^k dp = r! k!/(r+k+1)! for integers r, k ≥ 0: by parts down to r = 0."""

    def value(r: Number, k: Number) -> sp.Expr:
        return sp.factorial(r) * sp.factorial(k) / sp.factorial(r + k + 1)

    yield Step(
        "beta integral, by parts",
        sp.diff(p ** (r + 1) * (1 - p) ** (k + 1), p),
        (r + 1) * p**r * (1 - p) ** (k + 1) - (k + 1) * p ** (r + 1) * (1 - p) ** k,
    )
    yield Step(
        "beta integral, the boundary vanishes, so r is lowered",
        (k + 1) * value(r + 1, k),
        (r + 1) * value(r, k + 1),
    )
    primitive = -((1 - p) ** (k + 1)) / (k + 1)
    yield Step("beta integral, r = 0: a primitive", sp.diff(primitive, p), (1 - p) ** k)
    yield Step("beta integral, r = 0", primitive.subs(p, 1) - primitive.subs(p, 0), value(0, k))


def hockey_stick() -> Iterator[Step]:
    """Σ_{j=0}^{m} C(r+j, j) = C(r+m+1, m): the partial sums differ by their last term."""

    def total(m: Number) -> sp.Expr:
        return sp.binomial(r + m + 1, m)

    yield Step("hockey stick, m = 0", total(sp.Integer(0)), sp.binomial(r, 0))
    yield Step("hockey stick, one more term", total(m) - total(m - 1), sp.binomial(r + m, m))

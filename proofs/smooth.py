"""Unspecified functions: smooth, with derivatives of symbolic order; polynomial, coefficients symbolic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import sympy as sp

from proofs.games import Coalition, Game, everyone, subsets
from proofs.theorem import Number

MultiIndex: TypeAlias = tuple[int, ...]


class Smooth(sp.Function):
    """∂^κ f(y) of a smooth f about which nothing else is known: Smooth(κ_1, …, κ_n, y_1, …, y_n).

    The orders may be symbols. Differentiating in y_i raises κ_i by one; the chain rule is sympy's.
    """

    def __new__(cls, *arguments: Number, **options: Any) -> Any:
        """Apply to orders and point."""
        return super().__new__(cls, *arguments, **options)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the derivative in one argument; the orders are no arguments to differentiate in.

        Raises:
            ValueError: If that argument is an order.
        """
        n = len(self.args) // 2
        if argindex <= n:
            raise ValueError("an order of differentiation is not a variable")
        raised: list[Any] = list(self.args)
        raised[argindex - 1 - n] += 1
        return type(self)(*raised)


def multi_indices(n: int, order: int) -> Iterator[MultiIndex]:
    """Yield every κ ∈ ℕⁿ of that order."""
    if n == 1:
        yield (order,)
        return
    for first in range(order, -1, -1):
        for rest in multi_indices(n - 1, order - first):
            yield (first, *rest)


def up_to(n: int, order: int) -> list[MultiIndex]:
    """Return every κ ≠ 0 with |κ| ≤ order."""
    return [kappa for m in range(1, order + 1) for kappa in multi_indices(n, m)]


def support(kappa: Sequence[int]) -> Coalition:
    """Return supp κ as players 1, …, n."""
    return frozenset(i for i, exponent in enumerate(kappa, start=1) if exponent)


def over_unit_interval(integrand: sp.Expr, variable: sp.Symbol) -> sp.Expr:
    """Return ∫₀¹ of a sum of powers of the variable, c v^p ↦ c/(p+1), exponents symbolic or not.

    Raises:
        ValueError: If a term is no power of the variable.
    """
    outside, inside = integrand.as_independent(variable, as_Add=False)
    total = sp.Integer(0)
    for term in sp.Add.make_args(sp.expand(inside)):
        if not term.has(variable):
            total += term
            continue
        c, powers = sp.expand_power_base(term).as_independent(variable, as_Add=False)
        exponent = sp.Integer(0)
        for base, times in (factor.as_base_exp() for factor in sp.Mul.make_args(powers)):
            if times.has(variable) or base != variable:
                raise ValueError(f"{term} is no power of {variable}")
            exponent += times
        total += c / (exponent + 1)
    return outside * total


class Polynomial:
    """Σ a_κ y^κ, |κ| ≤ degree, with symbols a_κ, seen between y = 0 (the baseline) and y = Δ (the input)."""

    def __init__(self, n: int, degree: int) -> None:
        """Name the coefficients a_κ, the variables y_i and the differences Δ_i."""
        self.n, self.degree = n, degree
        self.y = sp.symbols(f"y1:{n + 1}")
        self.delta = sp.symbols(f"Delta1:{n + 1}", nonzero=True)
        self.indices = up_to(n, degree)
        self.expression = sp.Add(
            sp.Symbol("a0"),
            *(sp.Symbol("a" + "".join(map(str, k))) * self.power(self.y, k) for k in self.indices),
        )

    @staticmethod
    def power(base: Sequence[sp.Expr], kappa: Sequence[int]) -> sp.Expr:
        """Return base^κ."""
        return sp.Mul(*(b**k for b, k in zip(base, kappa, strict=True)))

    def at(self, point: Sequence[Number]) -> sp.Expr:
        """Return f(point)."""
        return self.expression.subs(dict(zip(self.y, point, strict=True)))

    def masked(self, T: Coalition, t: Number = 1) -> sp.Expr:
        """Return g_T(t) = f(b + tΔ_T)."""
        return self.at([t * d if i in T else 0 for i, d in enumerate(self.delta, start=1)])

    def game(self) -> Game:
        """Return v(T) = f(x_T)."""
        return {T: self.masked(T) for T in subsets(everyone(self.n))}

    def derivative(self, kappa: Sequence[int], *, at_input: bool = False) -> sp.Expr:
        """Return ∂^κ f(b) Δ^κ/κ!, or ∂^κ f(x) Δ^κ/κ!, by differentiation."""
        value = self.expression
        for variable, k in zip(self.y, kappa, strict=True):
            value = sp.diff(value, variable, k)
        value = value.subs(dict(zip(self.y, self.delta if at_input else [0] * self.n, strict=True)))
        return value * self.power(self.delta, kappa) / math.prod(map(math.factorial, kappa))

    def effects(self) -> dict[MultiIndex, sp.Expr]:
        """Return I(κ) for every κ ≠ 0 of at most this degree."""
        return {kappa: self.derivative(kappa) for kappa in self.indices}

    def effects_from_the_input(self) -> dict[MultiIndex, sp.Expr]:
        """Return I^x(κ) = (−1)^{|κ|+1} ∂^κ f(x) Δ^κ/κ!, by differentiation."""
        return {
            kappa: sp.Integer(-1) ** (sum(kappa) + 1) * self.derivative(kappa, at_input=True)
            for kappa in self.indices
        }

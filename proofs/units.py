"""One neuron σ(c + Σ u_i t_i) whose activation has a symbol for every Taylor coefficient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.binomials import binomial_theorem
from proofs.games import Game, everyone, subsets
from proofs.smooth import MultiIndex, Polynomial, up_to
from proofs.theorem import Number, Step


class Unit:
    """σ(z) = Σ_{m≤order} s_m (z − z⁰)^m, seen between z⁰ (the baseline) and z⁰ + Σ u_i (the input).

    With s_m read as the coefficients of an analytic σ the sums below are its series, cut after an order.
    """

    def __init__(self, inputs: Sequence[sp.Expr], order: int, letter: str = "s") -> None:
        """Take u_i = w_i Δ_i and name the coefficients."""
        self.inputs, self.order = tuple(inputs), order
        self.s: tuple[sp.Symbol, ...] = sp.symbols(f"{letter}0:{order + 1}")

    def at(self, increment: Number) -> sp.Expr:
        """Return σ(z⁰ + increment)."""
        return sp.Add(*(s * sp.sympify(increment) ** m for m, s in enumerate(self.s)))

    def change(self, start: Number, increment: Number) -> sp.Expr:
        """Return σ(z⁰ + start + increment) − σ(z⁰ + start)."""
        return self.at(start + sp.sympify(increment)) - self.at(start)

    def slope(self, increment: Number) -> sp.Expr:
        """Return (σ(z⁰ + increment) − σ(z⁰))/increment, in the form that has no denominator."""
        return sp.Add(*(s * sp.sympify(increment) ** (m - 1) for m, s in enumerate(self.s) if m))

    def effects(self) -> dict[MultiIndex, sp.Expr]:
        """Return I(κ) = s_m (m!/κ!) u^κ, see ridge_coefficients."""
        return {
            kappa: self.s[sum(kappa)]
            * (math.factorial(sum(kappa)) // math.prod(map(math.factorial, kappa)))
            * Polynomial.power(self.inputs, kappa)
            for kappa in up_to(len(self.inputs), self.order)
        }

    def effects_from_the_input(self) -> dict[MultiIndex, sp.Expr]:
        """Return I^x(κ) = (−1)^{m+1} s_m (m!/κ!) u^κ, where z⁰ is the input and z⁰ − Σ u_i the baseline."""
        return {
            kappa: sp.Integer(-1) ** (sum(kappa) + 1) * effect for kappa, effect in self.effects().items()
        }

    def game(self) -> Game:
        """Return v(T) = σ(z⁰ + Σ_{i∈T} u_i)."""
        return {
            T: self.at(sp.Add(*(self.inputs[i - 1] for i in T))) for T in subsets(everyone(len(self.inputs)))
        }


def proportional_share(weight: Callable[[sp.Expr, sp.Expr], sp.Expr]) -> Iterator[Step]:
    """In (u/(u+v)) (u+v)^k the term u^j v^{k−j} stands as often as weight(j, k) times in (u+v)^k.

    Here u is one input, v the sum of the others, j and k are symbolic. A term κ of the others is a fixed part
    of v^{k−j}, the same on both sides.

    Yields:
        The steps.
    """
    j, l = sp.symbols("j l", integer=True, positive=True)  # noqa: E741
    u, v = sp.symbols("u v", positive=True)
    k = j + l
    yield from binomial_theorem()
    yield Step("(u/(u+v)) (u+v)^k", u / (u + v) * (u + v) ** k, u * (u + v) ** (k - 1))
    yield Step(
        "u (u+v)^{k−1}: the coefficient of u^j v^{k−j}",
        weight(j, k) * sp.binomial(k, j),
        sp.binomial(k - 1, j - 1),
    )
    yield Step("the same for j = k", weight(k, k) * sp.binomial(k, k), sp.binomial(k - 1, k - 1))
    yield Step("the same for j = 0", weight(sp.Integer(0), k) * sp.binomial(k, 0), sp.Integer(0))

"""The letters in which allocation ratios are written, and three functions sympy has no name for.

A ratio w_i(κ) is written for one receiver i and one term κ in κ_i = ``kappa[i]``, the order m = |κ|, the
size s of the support, and the quantities a rule reads besides κ (its context). ``j`` runs over the n players,
``q`` over whatever else a rule counts (windows, nodes, feature maps). A running letter indexes the first
entry at its lower limit; an index that is an expression, or a table of numbers, counts entries from 0.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import sympy as sp

from taylorattr.maths.interaction_indices import bernoulli

Expr: TypeAlias = Any
"""A sympy expression; sympy's own annotations do not know what its operators return."""

i, j, i2, p, q, k = (sp.Symbol(name, integer=True) for name in ("i", "j", "i2", "p", "q", "k"))
"""Receiver; running player; second receiver of a pair; receiving position; running window, node; channel."""

n: Expr = sp.Symbol("n", integer=True, positive=True)
"""Number of players."""

kappa: Expr = sp.IndexedBase("kappa", integer=True, nonnegative=True)
"""Exponents κ."""


def indexed(name: str) -> Expr:
    """Return a real quantity with one value per player (or per pair of indices)."""
    return sp.IndexedBase(name, real=True)


def total(term: Expr, index: Expr = j, count: Expr = n) -> Expr:
    """Return Σ_{index=1}^{count} term."""
    return sp.Sum(term, (index, 1, count))


def product(factor: Expr, index: Expr = j, count: Expr = n) -> Expr:
    """Return Π_{index=1}^{count} factor."""
    return sp.Product(factor, (index, 1, count))


def choose(a: Expr, b: Expr) -> Expr:
    """Return C(a, b); where there is nothing to choose it is evaluated as 0."""
    return sp.binomial(a, b)


class Indicator(sp.Function):
    """1[condition]: 1 where the condition holds, 0 elsewhere."""

    nargs = 1
    is_commutative = True
    is_integer = True
    is_nonnegative = True

    @classmethod
    def eval(cls, *args: Any) -> Any:
        """Decide a condition that has become true or false."""
        (condition,) = args
        if condition == sp.true:
            return sp.Integer(1)
        if condition == sp.false:
            return sp.Integer(0)
        return None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\mathbf{{1}}\left[{printer._print(self.args[0])}\right]"
        return text if exp is None else rf"{text}^{{{exp}}}"

    def _ratio_text(self, printer: Any) -> str:
        return f"1[{printer._print(self.args[0])}]"


class Moment(sp.Function):
    """M_k(ρ) = E(1 + ρZ)^k for standard normal Z, eq. (14); with a third argument μ, E(μ + ρZ)^k.

    M_0 = 1, M_1 = μ, M_{k+1} = μM_k + kρ²M_{k−1} (Stein).
    """

    nargs = (2, 3)

    @classmethod
    def eval(cls, *args: Any) -> Any:
        """Expand for a given k."""
        order, rho, *rest = args
        if not getattr(order, "is_Integer", False):
            return None
        mean = rest[0] if rest else sp.Integer(1)
        below, here = sp.Integer(0), sp.Integer(1)
        for step in range(int(order)):
            below, here = here, sp.expand(mean * here + step * rho**2 * below)
        return here

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        order, rho, *rest = (printer._print(a) for a in self.args)
        if not rest:
            text = rf"M_{{{order}}}\left({rho}\right)"
        else:
            shift = "" if self.args[2] == 0 else f"{rest[0]} + "
            text = rf"\mathbb{{E}}\left[\left({shift}{rho} Z\right)^{{{order}}}\right]"
        return text if exp is None else rf"{text}^{{{exp}}}"

    def _ratio_text(self, printer: Any) -> str:
        order, rho, *rest = (printer._print(a) for a in self.args)
        if not rest:
            return f"M[{order}]({rho})"
        shift = "" if self.args[2] == 0 else f"{rest[0]} + "
        return f"E[({shift}{rho}·Z)^({order})]"


class Bernoulli(sp.Function):
    """Bernoulli number B_q with B_1 = −½."""

    nargs = 1

    @classmethod
    def eval(cls, *args: Any) -> Any:
        """Look up a given q."""
        (order,) = args
        if not getattr(order, "is_Integer", False) or order < 0:
            return None
        value = bernoulli(int(order))
        return sp.Rational(value.numerator, value.denominator)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"B_{{{printer._print(self.args[0])}}}"
        return text if exp is None else rf"{text}^{{{exp}}}"

    def _ratio_text(self, printer: Any) -> str:
        return f"B[{printer._print(self.args[0])}]"


m: Expr = sp.Symbol("m", integer=True, positive=True)
"""Order |κ| of the term."""

s: Expr = sp.Symbol("s", integer=True, positive=True)
"""Size |supp κ| of the support."""

STANDARD: dict[Expr, Expr] = {m: total(kappa[j]), s: total(Indicator(kappa[j] > 0))}
"""What m and s stand for."""

NOTHING: Expr = sp.Integer(0)
"""The share of what a rule does not hand out."""

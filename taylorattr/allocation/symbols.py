"""The letters in which allocation ratios are written, and two functions sympy has no name for.

A ratio w_i(κ) is written for one receiver i and one term κ in κ_i = ``kappa[i]``, the order m = |κ|, the
size s of the support, and the quantities a rule reads besides κ (its context). ``j`` runs over the n players,
``q`` over whatever else a rule counts (windows, nodes, feature maps).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import sympy as sp

Expr: TypeAlias = Any
"""A sympy expression; sympy's own annotations do not know what its operators return."""

i, j, i2, q = (sp.Symbol(name, integer=True) for name in ("i", "j", "i2", "q"))
"""Receiver; running player; second receiver of a pair; running window, node or map."""

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


class Indicator(sp.Function):
    """1[condition]: 1 where the condition holds, 0 elsewhere."""

    nargs = 1

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
    """M_k(ρ) = E(1 + ρZ)^k for standard normal Z: M_0 = M_1 = 1, M_{k+1} = M_k + kρ²M_{k−1}, eq. (14)."""

    nargs = 2

    @classmethod
    def eval(cls, *args: Any) -> Any:
        """Expand for a given k."""
        k, rho = args
        if not getattr(k, "is_Integer", False):
            return None
        below, here = sp.Integer(1), sp.Integer(1)
        for step in range(1, int(k)):
            below, here = here, sp.expand(here + step * rho**2 * below)
        return here

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"M_{{{printer._print(self.args[0])}}}\left({printer._print(self.args[1])}\right)"
        return text if exp is None else rf"{text}^{{{exp}}}"

    def _ratio_text(self, printer: Any) -> str:
        return f"M[{printer._print(self.args[0])}]({printer._print(self.args[1])})"


m: Expr = sp.Symbol("m", integer=True, positive=True)
"""Order |κ| of the term."""

s: Expr = sp.Symbol("s", integer=True, positive=True)
"""Size |supp κ| of the support."""

STANDARD: dict[Expr, Expr] = {m: total(kappa[j]), s: total(Indicator(kappa[j] > 0))}
"""What m and s stand for."""

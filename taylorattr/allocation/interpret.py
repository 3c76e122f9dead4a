"""Evaluate a ratio written in sympy on a table of multi-indices, in floating point or exactly.

One interpreter for every rule: what a person reads is what is computed. The receivers are an axis of the
arrays; sums and products over players, windows or nodes are loops. With ``Fraction`` entries every result is
exact. A quotient with denominator 0 counts as 0 (docs/theory.md §13: empty groups have nothing to share).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.symbols import Expr, Indicator, Moment, kappa, n
from taylorattr.errors import OptionError

COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    sp.StrictGreaterThan: lambda a, b: a > b,
    sp.GreaterThan: lambda a, b: a >= b,
    sp.StrictLessThan: lambda a, b: a < b,
    sp.LessThan: lambda a, b: a <= b,
    sp.Equality: lambda a, b: a == b,
    sp.Unequality: lambda a, b: a != b,
}


class Interpreter:
    """Values of the letters of one expression.

    Args:
        kappas: Multi-indices, shape (M, n), integers.
        values: Name -> number or array: what the expression reads besides κ.
        definitions: Symbol -> expression it abbreviates.
        receivers: Receiver symbol -> player numbers, shape (R,).
        exact: Whether to compute with ``Fraction``.
    """

    def __init__(
        self,
        kappas: np.ndarray,
        values: Mapping[str, Any],
        definitions: Mapping[Expr, Expr],
        receivers: Mapping[Expr, np.ndarray],
        exact: bool,
    ) -> None:
        """Bring every number into the one arithmetic."""
        self.exact = exact
        self.table = self.number(kappas)
        self.arrays = {name: self.number(value) for name, value in values.items()}
        self.definitions = definitions
        self.receivers = receivers
        self.bound: dict[Expr, int] = {n: kappas.shape[1]}
        self.known: dict[Expr, Any] = {}

    @property
    def one(self) -> Any:
        """1 in the arithmetic."""
        return self.number(1)[()]

    @property
    def zero(self) -> Any:
        """0 in the arithmetic."""
        return self.number(0)[()]

    def number(self, value: Any) -> np.ndarray:
        """Return a number or array in the arithmetic of this interpreter."""
        if not self.exact:
            return np.asarray(value, dtype=np.float64)
        given = np.asarray(value, dtype=object)
        out = np.empty(given.shape, dtype=object)
        for position, entry in np.ndenumerate(given):
            out[position] = as_fraction(entry)
        return out

    def __call__(self, expression: Expr) -> np.ndarray:
        """Return the expression for every multi-index and receiver, shape (M, R)."""
        size = len(next(iter(self.receivers.values())))
        return np.broadcast_to(self.visit(expression), (len(self.table), size))

    def visit(self, node: Any) -> Any:
        """Return the value of a node, broadcastable to (M, R)."""
        for kind, rule in NODES:
            if isinstance(node, kind):
                return rule(self, node)
        raise OptionError(
            f"a ratio may not contain {type(node).__name__} ({node}); write it with +, *, /, powers, Sum, "
            "Product, Min, Max, Abs, sign, factorial, binomial, Piecewise, Indicator and Moment"
        )

    def index(self, node: Any) -> Any:
        """Return an index as Python counts it: a number, or for a receiver its player numbers."""
        if node in self.receivers:
            return self.receivers[node]
        if node in self.bound:
            return self.bound[node] - 1
        value = np.asarray(self.visit(node))
        return int(value.reshape(-1)[0]) if value.size == 1 else value.reshape(-1).astype(int)


def as_fraction(value: Any) -> Fraction:
    """Return a number as the rational it is; a float is the binary fraction it holds."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, sp.Rational):
        return Fraction(int(value.p), int(value.q))
    return Fraction(value)


def _symbol(read: Interpreter, node: Any) -> Any:
    if node in read.bound:
        return read.number(read.bound[node])
    if node in read.known:
        return read.known[node]
    if node in read.definitions:
        read.known[node] = read.visit(read.definitions[node])
        return read.known[node]
    if node.name in read.arrays:
        return read.arrays[node.name]
    raise OptionError(f"the ratio contains {node}, which is neither κ, m, s nor a quantity of the context")


def _indexed(read: Interpreter, node: Any) -> Any:
    where = tuple(read.index(k) for k in node.indices)
    if node.base == kappa:
        return read.table[:, np.atleast_1d(where[0])]
    name = str(node.base.label)
    if name not in read.arrays:
        raise OptionError(f"the ratio reads {name}[…], which the context lacks")
    return np.asarray(read.arrays[name][where])


def _loop(read: Interpreter, node: Any, start: int, join: Callable[[Any, Any], Any]) -> Any:
    index, low, high = node.limits[0]
    first, last = (int(np.asarray(read.visit(end)).reshape(-1)[0]) for end in (low, high))
    result: Any = read.number(start)
    for value in range(first, last + 1):
        read.bound[index] = value
        result = join(result, read.visit(node.function))
    read.bound.pop(index, None)
    return result


def _sum(read: Interpreter, node: Any) -> Any:
    return _loop(read, node, 0, lambda a, b: a + b)


def _product(read: Interpreter, node: Any) -> Any:
    return _loop(read, node, 1, lambda a, b: a * b)


def _add(read: Interpreter, node: Any) -> Any:
    first, *rest = [read.visit(a) for a in node.args]
    for value in rest:
        first = first + value
    return first


def _mul(read: Interpreter, node: Any) -> Any:
    first, *rest = [read.visit(a) for a in node.args]
    for value in rest:
        first = first * value
    return first


def _power(read: Interpreter, node: Any) -> Any:
    base = np.asarray(read.visit(node.base))
    exponent = np.asarray(read.visit(node.exp))
    base, exponent = np.broadcast_arrays(base, exponent)
    undefined = np.asarray((base == 0) & (exponent < 0), dtype=bool)
    one, zero = read.one, read.zero
    safe = np.where(undefined, one, base)
    if read.exact:
        powers: Any = np.frompyfunc(_exact_power, 2, 1)(safe, exponent)
    else:
        powers = np.power(safe, exponent)
    return np.where(undefined, zero, powers)


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction:
    power = base**exponent
    if not isinstance(power, Fraction):
        raise OptionError(f"{base} to the power {exponent} is not rational; use ratios(), in float64")
    return power


def _indicator(read: Interpreter, node: Any) -> Any:
    return np.where(condition(read, node.args[0]), read.one, read.zero)


def condition(read: Interpreter, node: Any) -> np.ndarray:
    """Return where a condition holds."""
    if node in (sp.true, sp.false):
        return np.asarray(node == sp.true)
    if isinstance(node, sp.And | sp.Or):
        join = np.logical_and if isinstance(node, sp.And) else np.logical_or
        return join.reduce(np.broadcast_arrays(*[condition(read, a) for a in node.args]))
    if isinstance(node, sp.Not):
        return ~condition(read, node.args[0])
    for kind, compare in COMPARISONS.items():
        if isinstance(node, kind):
            return np.asarray(compare(read.visit(node.args[0]), read.visit(node.args[1])), dtype=bool)
    raise OptionError(f"a ratio may not contain the condition {node}; compare two expressions")


def _piecewise(read: Interpreter, node: Any) -> Any:
    result: Any = read.zero
    for value, when in reversed(node.args):
        result = np.where(condition(read, when), read.visit(value), result)
    return result


def _extreme(join: Callable[[Any, Any], Any]) -> Callable[[Interpreter, Any], Any]:
    def value(read: Interpreter, node: Any) -> Any:
        first, *rest = [read.visit(a) for a in node.args]
        for other in rest:
            first = np.where(join(first, other), first, other)
        return first

    return value


def _whole(function: Callable[..., int]) -> Callable[[Interpreter, Any], Any]:
    """A function of integers, entry by entry."""

    def value(read: Interpreter, node: Any) -> Any:
        arguments = np.broadcast_arrays(*[np.asarray(read.visit(a)) for a in node.args])
        apply = np.frompyfunc(lambda *entries: function(*(int(e) for e in entries)), len(arguments), 1)
        return read.number(apply(*arguments))

    return value


def _moment(read: Interpreter, node: Any) -> Any:
    order, rho = np.broadcast_arrays(*[np.asarray(read.visit(a)) for a in node.args])
    square = rho * rho
    one = read.one
    below = here = np.broadcast_to(np.asarray(one), order.shape)
    result = here
    for k in range(1, int(order.max(initial=1))):
        below, here = here, here + k * square * below
        result = np.where(order > k, here, result)
    # orders below 0 only ever meet a factor κ_i = 0
    return result


NODES: tuple[tuple[Any, Callable[[Interpreter, Any], Any]], ...] = (
    (sp.Number, lambda read, node: read.number(node if read.exact else float(node))),
    (Indicator, _indicator),
    (Moment, _moment),
    (sp.Indexed, _indexed),
    (sp.Sum, _sum),
    (sp.Product, _product),
    (sp.Symbol, _symbol),
    (sp.Add, _add),
    (sp.Mul, _mul),
    (sp.Pow, _power),
    (sp.Piecewise, _piecewise),
    (sp.Max, _extreme(lambda a, b: a >= b)),
    (sp.Min, _extreme(lambda a, b: a <= b)),
    (sp.Abs, lambda read, node: abs(read.visit(node.args[0]))),
    (sp.sign, lambda read, node: _signs(read, read.visit(node.args[0]))),
    (sp.factorial, _whole(math.factorial)),
    (sp.binomial, _whole(math.comb)),
)
"""Kind of node -> its value, the first that fits."""


def _signs(read: Interpreter, value: Any) -> Any:
    one, zero = read.one, read.zero
    return np.where(np.asarray(value > 0), one, np.where(np.asarray(value < 0), -one, zero))

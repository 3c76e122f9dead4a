"""Evaluate a ratio written in sympy on a table of multi-indices, in floating point or exactly.

One interpreter for every rule: what a person reads is what is computed. The receivers are an axis of the
arrays; sums and products over players, windows or nodes are loops. With ``Fraction`` entries every result is
exact. What a power, a moment or a binomial is worth is in :mod:`taylorattr.allocation.node_values`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.node_values import (
    Arithmetic,
    bernoulli_number,
    choose,
    factorial,
    largest,
    moment,
    of_whole_numbers,
    power,
    sign,
    smallest,
)
from taylorattr.allocation.symbols import Bernoulli, Expr, Indicator, Moment, kappa, m, n, s
from taylorattr.errors import OptionError, ShapeError

COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    sp.StrictGreaterThan: operator.gt,
    sp.GreaterThan: operator.ge,
    sp.StrictLessThan: operator.lt,
    sp.LessThan: operator.le,
    sp.Equality: operator.eq,
    sp.Unequality: operator.ne,
}

MOST_TURNS = 1_000_000
"""Turns that all loops of one expression take together at most; some seconds."""


class Interpreter(Arithmetic):
    """Values of the letters of one expression.

    Args:
        kappas: Multi-indices, shape (M, n), integers.
        values: Name -> number or array: what the expression reads besides κ.
        definitions: Symbol -> expression it abbreviates.
        receivers: Receiver symbol -> what it counts, from 0, shape (R,).
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
        super().__init__(exact)
        # columns lie together: a sum over players reads each of them once
        self.table = np.asfortranarray(self.number(kappas))
        self.arrays = {name: self.number(value) for name, value in values.items()}
        self.definitions = definitions
        self.receivers = receivers
        self.bound: dict[Expr, int] = {n: kappas.shape[1]}
        self.first: dict[Expr, int] = {}
        self.known: dict[Expr, Any] = {}
        self.turns = 0

    def __call__(self, expression: Expr) -> np.ndarray:
        """Return the expression for every multi-index and receiver, shape (M, R)."""
        size = len(next(iter(self.receivers.values())))
        return np.broadcast_to(self.visit(expression), (len(self.table), size))

    def visit(self, node: Any) -> Any:
        """Return the value of a node, broadcastable to (M, R)."""
        for kind, rule in NODES:
            if isinstance(node, kind):
                return rule(self, node)
        for kind, function in FUNCTIONS:
            if isinstance(node, kind):
                return function(self, *(self.visit(argument) for argument in node.args))
        raise OptionError(
            f"a ratio may not contain {type(node).__name__} ({node}); write it with +, *, /, powers, Sum, "
            "Product, Min, Max, Abs, sign, factorial, binomial, Piecewise, Indicator, Moment and Bernoulli"
        )

    def index(self, node: Any) -> Any:
        """Return an index as Python counts it: a number, or an array of numbers.

        Raises:
            OptionError: If it is not whole.
        """
        if node in self.receivers:
            return self.receivers[node]
        if node in self.bound:
            return self.bound[node] - self.first.get(node, 1)
        value = np.asarray(self.visit(node))
        whole = value.astype(np.int64)
        if (whole != value).any():
            raise OptionError(f"the ratio uses {node} as an index, which is not a whole number")
        return int(whole) if whole.ndim == 0 else whole


def _symbol(read: Interpreter, node: Any) -> Any:
    if node in read.bound:
        return read.number(read.bound[node])
    if node in read.receivers:
        return read.number(read.receivers[node] + 1)
    if node in read.known:
        return read.known[node]
    if node in (m, s):  # which nearly every ratio reads, one of them or both: sums of the table, not loops
        sizes = read.table.sum(axis=1) if node == m else read.number((read.table > 0).sum(axis=1))
        read.known[node] = sizes[:, None]
        return read.known[node]
    if node in read.definitions:
        definition = read.definitions[node]
        value = read.visit(definition)
        if not definition.free_symbols & read.first.keys():  # the same in every turn of every loop
            read.known[node] = value
        return value
    if node.name in read.arrays:
        return read.arrays[node.name]
    raise OptionError(f"the ratio contains {node}, which is neither κ, m, s nor a quantity of the context")


def _indexed(read: Interpreter, node: Any) -> Any:
    where = tuple(read.index(k) for k in node.indices)
    if node.base == kappa:
        return _exponents(read, where[0])
    name = str(node.base.label)
    if name not in read.arrays:
        raise OptionError(f"the ratio reads {name}[…], which the context lacks")
    array = read.arrays[name]
    for axis, place in enumerate(where):
        top, low = np.max(place, initial=0), np.min(place, initial=0)
        if low < 0 or top >= array.shape[axis]:
            raise ShapeError(
                f"the ratio reads entry {int(low if low < 0 else top)} of {name!r} (counted from 0), but "
                f"there are {array.shape[axis]}; the context has to go as far as the terms do"
            )
    return np.asarray(array[where])


def _exponents(read: Interpreter, column: Any) -> Any:
    """Return κ of a player as a column, or of each receiver's player."""
    if isinstance(column, int):
        return read.table[:, column : column + 1]
    # one receiver per player, in their order: the table itself, without a copy
    if len(column) == read.table.shape[1] and (column == np.arange(len(column))).all():
        return read.table
    return read.table[:, column]


def _turns(
    read: Interpreter, body: Any, limits: tuple[Any, ...], start: int, join: Callable[[Any, Any], Any]
) -> Any:
    """Join the body over the last limits, which enclose the others; ends may differ by term and receiver."""
    if not limits:
        return read.visit(body)
    *inner, (index, low, high) = limits
    lows, highs = (np.asarray(read.visit(end)) for end in (low, high))
    neutral: Any = read.number(start)
    result = neutral
    if not lows.size or not highs.size:
        return result
    same = lows.size == highs.size == 1
    for value in _running(read, index, lows.min(), highs.max()):
        turn = _turns(read, body, tuple(inner), start, join)
        result = join(result, turn if same else np.where((lows <= value) & (value <= highs), turn, neutral))
    return result


def _running(read: Interpreter, index: Any, low: Any, high: Any) -> Generator[int, None, None]:
    """Iterate over the values of a running letter, which it has meanwhile; then it is what it was outside.

    Yields:
        One value after the other.

    Raises:
        OptionError: If the loops of the expression take too many turns.
    """
    # loops inside loops add up here; infinite ends are compared before they are made whole numbers
    if not read.turns + max(high - low, 0) <= MOST_TURNS:
        raise OptionError(
            f"the ratio sums or multiplies over {index} = {str(low)[:20]} … {str(high)[:20]}; all its loops "
            f"together may take {MOST_TURNS:,} turns"
        )
    first, last = int(low), int(high)
    read.turns += max(last - first + 1, 0)
    outside = [(names, names[index]) for names in (read.bound, read.first) if index in names]
    read.first[index] = first
    try:
        for value in range(first, last + 1):
            read.bound[index] = value
            yield value
    finally:
        read.bound.pop(index, None)
        del read.first[index]
        for names, value in outside:
            names[index] = value


def _sum(read: Interpreter, node: Any) -> Any:
    product = _inner_product(read, node) if node.function.is_Mul and len(node.limits) == 1 else None
    return _turns(read, node.function, node.limits, 0, operator.add) if product is None else product


def _inner_product(read: Interpreter, node: Any) -> Any:
    """Return Σ_j a_j b_j as a matrix product, where a_j belongs to the term and b_j to the receiver.

    None where a factor depends on both, or the ends differ by term or receiver, or the sum is empty.
    """
    index, low, high = node.limits[0]
    ends = [np.asarray(read.visit(end)) for end in (low, high)]
    if any(end.size != 1 for end in ends) or ends[0].item() > ends[1].item():
        return None
    terms, receivers = [], []
    with closing(_running(read, index, *(end.item() for end in ends))) as turns:
        for _ in turns:
            term, receiver = read.one, read.one
            for value in (np.asarray(read.visit(factor)) for factor in node.function.args):
                if value.ndim < 2:
                    receiver = receiver * value
                elif value.shape[1] == 1:
                    term = term * value
                else:
                    return None
            terms.append(np.atleast_2d(term))
            receivers.append(np.atleast_2d(receiver))
    return np.concatenate(terms, axis=1) @ np.concatenate(receivers)


def _product(read: Interpreter, node: Any) -> Any:
    return _turns(read, node.function, node.limits, 1, operator.mul)


def _add(read: Interpreter, node: Any) -> Any:
    return reduce(operator.add, [read.visit(term) for term in node.args])


def _mul(read: Interpreter, node: Any) -> Any:
    return reduce(operator.mul, [read.visit(factor) for factor in node.args])


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


NODES: tuple[tuple[Any, Callable[[Interpreter, Any], Any]], ...] = (
    (sp.Number, lambda read, node: read.number(node if read.exact else float(node))),
    (Indicator, _indicator),
    (sp.Indexed, _indexed),
    (sp.Sum, _sum),
    (sp.Product, _product),
    (sp.Symbol, _symbol),
    (sp.Add, _add),
    (sp.Mul, _mul),
    (sp.Piecewise, _piecewise),
)
"""Kind of node -> its value, the first that fits."""

FUNCTIONS: tuple[tuple[Any, Callable[..., Any]], ...] = (
    (sp.Pow, power),
    (Moment, moment),
    (sp.Max, largest),
    (sp.Min, smallest),
    (sp.Abs, lambda arithmetic, value: abs(value)),
    (sp.sign, sign),
    (sp.factorial, of_whole_numbers(factorial)),
    (sp.binomial, of_whole_numbers(choose)),
    (Bernoulli, of_whole_numbers(bernoulli_number)),
)
"""Kind of node -> its value from the arithmetic and the values of its arguments."""

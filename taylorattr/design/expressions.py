"""Formulas of ratios as plain data, nested lists of the nodes a ratio may have; reading runs no code."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from taylorattr.allocation.symbols import Bernoulli, Expr, Indicator, Moment
from taylorattr.errors import FormatError

NODES: dict[str, Any] = {
    node.__name__: node
    for node in (
        sp.Add, sp.Mul, sp.Pow, sp.Max, sp.Min, sp.Abs, sp.sign, sp.factorial, sp.binomial,
        Indicator, Moment, Bernoulli, sp.And, sp.Or, sp.Not,
        sp.StrictGreaterThan, sp.GreaterThan, sp.StrictLessThan, sp.LessThan, sp.Equality, sp.Unequality,
    )
}  # fmt: skip
"""Nodes that are their arguments."""

LOOPS: dict[str, Any] = {"Sum": sp.Sum, "Product": sp.Product}

ASSUMPTIONS = ("integer", "positive", "nonnegative", "real")


def encode(node: Any) -> Any:
    """Return an expression as nested lists.

    Raises:
        FormatError: If it contains something else than a ratio may.
    """
    if isinstance(node, sp.Rational):
        return ["Rational", str(node.p), str(node.q)]
    if isinstance(node, BooleanTrue | BooleanFalse):
        return ["Boolean", bool(node)]
    if isinstance(node, sp.Indexed):
        base: Any = node.base
        return ["Indexed", encode(base.label), *(encode(index) for index in node.indices)]
    if isinstance(node, sp.Symbol):
        return [
            "Symbol",
            node.name,
            {a: node.assumptions0[a] for a in ASSUMPTIONS if a in node._assumptions_orig},
        ]
    if isinstance(node, sp.Sum | sp.Product):
        return [
            type(node).__name__,
            encode(node.function),
            [[encode(part) for part in limit] for limit in node.limits],
        ]
    if isinstance(node, sp.Piecewise):
        branches: Any = node.args
        return ["Piecewise", [[encode(value), encode(when)] for value, when in branches]]
    name = type(node).__name__
    if name in NODES and isinstance(node, NODES[name]):
        return [name, *(encode(argument) for argument in node.args)]
    raise FormatError(f"a ratio that contains {name} cannot be saved; write it with the letters of a ratio")


def decode(data: Any) -> Expr:
    """Return the expression of nested lists.

    Raises:
        FormatError: If they are no expression.
    """
    try:
        kind, *rest = data
        if kind == "Rational":
            return sp.Rational(int(rest[0]), int(rest[1]))
        if kind == "Boolean":
            return sp.true if rest[0] else sp.false
        if kind == "Symbol":
            return sp.Symbol(
                str(rest[0]), **{str(a): bool(v) for a, v in rest[1].items() if a in ASSUMPTIONS}
            )
        if kind == "Indexed":
            table: Any = sp.IndexedBase(decode(rest[0]))
            return table[tuple(map(decode, rest[1:]))]
        if kind in LOOPS:
            return LOOPS[kind](decode(rest[0]), *(tuple(map(decode, limit)) for limit in rest[1]))
        if kind == "Piecewise":
            return sp.Piecewise(*((decode(value), decode(when)) for value, when in rest[0]))
        return NODES[kind](*map(decode, rest))
    except FormatError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise FormatError(
            f"{str(data)[:60]!r} is no expression of a ratio ({type(error).__name__}: {error})"
        ) from error

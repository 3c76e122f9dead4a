"""Formulas of ratios from text and files, read by a grammar of their own: reading runs no code.

Text goes through Python's `ast` and a whitelist of nodes, functions and letters; files hold nested lists of
the same nodes. No string reaches `sympify`, `parse_expr` or `eval`, which run whatever Python they are given.
Sympy works numbers out as soon as it meets them, so powers, factorials and binomials of numbers are bounded
before they are built: ``9**9**9`` is refused, not computed.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from taylorattr.allocation.symbols import (
    Bernoulli,
    Expr,
    Indicator,
    Moment,
    choose,
    i,
    i2,
    indexed,
    j,
    k,
    kappa,
    m,
    n,
    p,
    q,
    s,
)
from taylorattr.design.formula_limits import (
    DEEPEST,
    LARGEST_ORDER,
    LARGEST_WHOLE,
    bounded_fraction,
    few_digits,
    indicator,
    of_small_numbers,
    power,
    product_over,
    product_over_players,
    require_small,
    sum_over,
    total_over_players,
)
from taylorattr.errors import FormatError, OptionError

LONGEST_TEXT = 10_000
"""Characters of a formula at most."""

MOST_EXPRESSION_NODES = 2_000
"""Nodes of a formula at most."""

LETTERS = {"i": i, "j": j, "q": q, "m": m, "s": s, "n": n}
"""Plain symbols of these names are taken for the letters of a ratio."""

RUNNING = frozenset({i, j, i2, p, q, k})
"""Letters that stand for a player or for whatever else a rule counts."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "total": total_over_players, "product": product_over_players, "Sum": sum_over, "Product": product_over,
    "Indicator": indicator, "choose": of_small_numbers(choose, LARGEST_WHOLE),
    "binomial": of_small_numbers(sp.binomial, LARGEST_WHOLE),
    "factorial": of_small_numbers(sp.factorial, LARGEST_WHOLE),
    "Bernoulli": of_small_numbers(Bernoulli, LARGEST_ORDER),
    "sqrt": lambda value: power(value, sp.Rational(1, 2)), "Rational": lambda top, bottom: top / bottom,
    "Min": sp.Min, "Max": sp.Max, "Abs": sp.Abs, "abs": sp.Abs, "sign": sp.sign, "Piecewise": sp.Piecewise,
    "Eq": sp.Eq, "Ne": sp.Ne, "Gt": sp.Gt, "Ge": sp.Ge, "Lt": sp.Lt, "Le": sp.Le,
    "And": sp.And, "Or": sp.Or, "Not": sp.Not,
}  # fmt: skip
"""What a formula written as text may call."""

OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: sp.Add, ast.Sub: lambda a, b: sp.Add(a, -b), ast.Mult: sp.Mul,
    ast.Div: lambda a, b: sp.Mul(a, power(b, sp.Integer(-1))), ast.Pow: power,
    ast.USub: lambda a: sp.Mul(sp.Integer(-1), a), ast.UAdd: lambda a: a,
    ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Gt: sp.Gt, ast.GtE: sp.Ge, ast.Eq: sp.Eq, ast.NotEq: sp.Ne,
    ast.And: sp.And, ast.Or: sp.Or, ast.Not: sp.Not, ast.BitAnd: sp.And, ast.BitOr: sp.Or, ast.Invert: sp.Not,
}  # fmt: skip
"""Operators, of numbers and of conditions."""


def formula(given: Any, attributes: Sequence[str]) -> Expr:
    """Return the expression in the letters of :mod:`taylorattr.allocation.symbols`.

    Args:
        given: A sympy expression, a number, or a formula as text; symbols called m, s, n, i, j, and
            ``kappa[i]`` or a symbol ``kappa_i``, are taken for the letters whatever their assumptions.
        attributes: Names that may be read as ``name[i]``, ``name[j]``.

    Raises:
        OptionError: If it contains anything else.
    """
    if isinstance(given, str):
        expression: Any = _parsed(given, attributes)
    else:
        expression = _of_number(given)
    swaps: dict[Any, Any] = {}
    for symbol in expression.atoms(sp.Symbol):
        if symbol.name in LETTERS:
            swaps[symbol] = LETTERS[symbol.name]
        elif symbol.name in ("kappa_i", "kappa_j"):
            swaps[symbol] = kappa[LETTERS[symbol.name[-1]]]
    expression = expression.xreplace({old: new for old, new in swaps.items() if old != new})
    renamed = {
        node: _base(str(node.base.label))[tuple(LETTERS.get(str(index), index) for index in node.indices)]
        for node in expression.atoms(sp.Indexed)
    }
    expression = expression.xreplace(renamed)
    known = {*LETTERS.values(), *RUNNING}
    for symbol in expression.free_symbols:
        if isinstance(symbol, sp.Indexed) or symbol in known:
            continue
        label = str(symbol)
        if label not in ("kappa", *attributes):
            raise OptionError(_foreign(label, attributes))
    return expression


def _of_number(given: Any) -> Any:
    """Return a sympy expression as it is, a number as one."""
    if isinstance(given, sp.Expr):
        return given
    if isinstance(given, int | Fraction):
        return sp.Rational(*Fraction(given).as_integer_ratio())
    if isinstance(given, float) and math.isfinite(given):
        return sp.Float(given)
    raise OptionError(
        f"a ratio is a formula, such as 'kappa[i]/m', a sympy expression or a number; given {given!r:.60}"
    )


def _parsed(text: str, attributes: Sequence[str]) -> Expr:
    """Return the expression that a text stands for."""
    try:
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"it has more than {LONGEST_TEXT:,} characters")
        # ^ is a power as in sympy's own notation; as an operator of Python's it would bind more loosely
        tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
        if sum(1 for _ in ast.walk(tree)) > MOST_EXPRESSION_NODES:
            raise ValueError(f"it has more than {MOST_EXPRESSION_NODES:,} nodes")
        expression = _of_node(tree.body, attributes, 0)
        if not isinstance(expression, sp.Expr):
            raise ValueError("it is a condition, not a number; Indicator(…) makes one of it")
        if expression.has(sp.zoo, sp.nan, sp.oo, -sp.oo):
            raise ValueError("it divides by 0")
        return require_small(expression)
    except (
        SyntaxError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        MemoryError,
    ) as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(
            f"{text[:60]!r} is no formula of a ratio ({error}); such as 'kappa[i]/m' or 1/s"
        ) from None


def _of_node(node: ast.expr, attributes: Sequence[str], depth: int) -> Any:
    """Return the expression of one node of the syntax tree; what is not listed here is refused."""
    if depth > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} levels")

    def read(inner: ast.expr) -> Any:
        return _of_node(inner, attributes, depth + 1)

    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name):
        return _named(node.id, attributes)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _entry(node.value.id, node.slice, read, attributes)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](read(node.left), read(node.right))
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](read(node.operand))
    if isinstance(node, ast.BoolOp):
        return OPERATORS[type(node.op)](*map(read, node.values))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
        return OPERATORS[type(node.ops[0])](read(node.left), read(node.comparators[0]))
    if isinstance(node, ast.Tuple):
        return tuple(map(read, node.elts))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in FUNCTIONS:
            raise OptionError(
                f"the ratio calls {node.func.id}, which a formula cannot; it may call {', '.join(FUNCTIONS)}"
            )
        return FUNCTIONS[node.func.id](*map(read, node.args))
    raise ValueError(f"{ast.unparse(node)[:40]} is not part of a formula")


def _constant(value: Any) -> Any:
    """Return a number as it is written: whole numbers exactly, decimal ones as floats."""
    if value is True or value is False:
        return sp.true if value else sp.false
    if isinstance(value, int):
        return sp.Integer(int(few_digits(Fraction(value))))
    if isinstance(value, float) and math.isfinite(value):
        return sp.Float(value)
    raise ValueError(f"{str(value)[:40]!r} is no finite number")


def _named(name: str, attributes: Sequence[str]) -> Expr:
    """Return the letter of a name."""
    if name in LETTERS:
        return LETTERS[name]
    if name in ("kappa_i", "kappa_j"):
        return kappa[LETTERS[name[-1]]]
    raise OptionError(_foreign(name, attributes))


def _entry(name: str, index: ast.expr, read: Callable[..., Any], attributes: Sequence[str]) -> Expr:
    """Return κ or an attribute of a player, such as ``kappa[i]``."""
    if name not in ("kappa", *attributes):
        raise OptionError(_foreign(f"{name}[…]", attributes))
    return _base(name)[read(index)]


def _foreign(label: str, attributes: Sequence[str]) -> str:
    """Return what is wrong with a name that a ratio does not know."""
    listed = ", ".join(f"{name}[i]" for name in attributes)
    return (
        f"the ratio contains {label}, which is no letter of a ratio; use kappa[i], m, s, n, sums over j, and "
        + (f"the attributes {listed}" if listed else "attributes=… of the players")
    )


def _base(label: str) -> Any:
    """Return κ, or an attribute of the players."""
    return kappa if label == "kappa" else indexed(label)


def reads_support_only(expression: Expr) -> bool:
    """Return whether an expression reads κ through 1[κ_j > 0] and s alone."""
    replaced = expression.replace(lambda node: isinstance(node, Indicator), _without_support)
    return not replaced.has(m) and not any(node.base == kappa for node in replaced.atoms(sp.Indexed))


def _without_support(node: Any) -> Any:
    """Return a letter in place of 1[κ_j > 0], which says only who is in the support."""
    (condition,) = node.args
    inside = isinstance(condition, sp.StrictGreaterThan) and condition.rhs == 0
    if inside and isinstance(condition.lhs, sp.Indexed) and condition.lhs.base == kappa:
        return sp.Dummy("inside")
    return node


NODES: dict[str, Any] = {
    node.__name__: node
    for node in (
        sp.Add, sp.Mul, sp.Pow, sp.Max, sp.Min, sp.Abs, sp.sign, sp.factorial, sp.binomial,
        Indicator, Moment, Bernoulli, sp.And, sp.Or, sp.Not,
        sp.StrictGreaterThan, sp.GreaterThan, sp.StrictLessThan, sp.LessThan, sp.Equality, sp.Unequality,
    )
}  # fmt: skip
"""Nodes that are their arguments."""

GUARDED: Mapping[str, Callable[..., Any]] = {
    "Pow": power,
    "factorial": of_small_numbers(sp.factorial, LARGEST_WHOLE),
    "binomial": of_small_numbers(sp.binomial, LARGEST_WHOLE),
    "Moment": of_small_numbers(Moment, LARGEST_ORDER),
    "Bernoulli": of_small_numbers(Bernoulli, LARGEST_ORDER),
}
"""Nodes that sympy would work out for large numbers -> how they are built."""

LOOPS: dict[str, Callable[..., Any]] = {"Sum": sum_over, "Product": product_over}
"""Nodes over a letter between two ends -> how they are built."""

ASSUMPTIONS = ("integer", "positive", "nonnegative", "real")
"""What is kept of a letter besides its name."""


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
        FormatError: If they are no expression, or one whose numbers or terms are too many.
    """
    if _entries(data) > 10 * MOST_EXPRESSION_NODES:
        raise FormatError(f"an expression of a ratio has more than {10 * MOST_EXPRESSION_NODES:,} entries")
    try:
        return require_small(_decoded(data, 0))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise FormatError(
            f"{str(data)[:60]!r} is no expression of a ratio ({type(error).__name__}: {error})"
        ) from error


def _entries(data: Any) -> int:
    """Return the number of entries of nested lists, counted without recursion."""
    count, open_lists = 0, [data]
    while open_lists and count <= 10 * MOST_EXPRESSION_NODES:
        entry = open_lists.pop()
        count += 1
        if isinstance(entry, list):
            open_lists += entry
    return count


def _decoded(data: Any, depth: int) -> Expr:
    """Return the expression of nested lists, built node by node."""
    if depth > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} levels")

    def read(inner: Any) -> Any:
        return _decoded(inner, depth + 1)

    kind, *rest = data
    if kind == "Rational":
        top, bottom = (bounded_fraction(str(part)) for part in rest)
        return sp.Rational(*few_digits(top / bottom).as_integer_ratio())
    if kind == "Boolean":
        return sp.true if rest[0] else sp.false
    if kind == "Symbol":
        return sp.Symbol(str(rest[0]), **{str(a): bool(v) for a, v in rest[1].items() if a in ASSUMPTIONS})
    if kind == "Indexed":
        table: Any = sp.IndexedBase(read(rest[0]))
        return table[tuple(map(read, rest[1:]))]
    if kind in LOOPS:
        return LOOPS[kind](read(rest[0]), *(tuple(map(read, limit)) for limit in rest[1]))
    if kind == "Piecewise":
        return sp.Piecewise(*((read(value), read(when)) for value, when in rest[0]))
    return GUARDED.get(kind, NODES[kind])(*map(read, rest))

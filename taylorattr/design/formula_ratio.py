"""Ratios given as a sympy expression in κ_i, m, s and attributes of the players."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from taylorattr.allocation.symbols import (
    Expr,
    Indicator,
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
    product,
    q,
    s,
    total,
)
from taylorattr.errors import OptionError

LETTERS = {"i": i, "j": j, "q": q, "m": m, "s": s, "n": n}
"""Plain symbols of these names are taken for the letters of a ratio."""

WORDS: Mapping[str, Any] = {
    **LETTERS, "kappa": kappa, "total": total, "product": product, "choose": choose, "Indicator": Indicator,
}  # fmt: skip
"""What a formula written as text may say."""

RUNNING = frozenset({i, j, i2, p, q, k})


def formula(given: Any, attributes: Sequence[str]) -> Expr:
    """Return the expression in the letters of :mod:`taylorattr.allocation.symbols`.

    Args:
        given: A sympy expression, or one as text; symbols called m, s, n, i, j, and ``kappa[i]`` or a symbol
            ``kappa_i``, are taken for the letters whatever their assumptions.
        attributes: Names that may be read as ``name[i]``, ``name[j]``.

    Raises:
        OptionError: If it contains anything else.
    """
    own = {name: indexed(name) for name in attributes}
    if isinstance(given, str):
        foreign = [word for word in re.findall(r"(\w+)\s*\[", given) if word not in {*WORDS, *own}]
        if foreign:
            raise OptionError(_foreign(f"{foreign[0]}[…]", attributes))
    try:
        expression: Any = sp.sympify(given, {**WORDS, **own})  # pyright: ignore[reportCallIssue]
    except (sp.SympifyError, TypeError, AttributeError) as error:
        raise OptionError(
            f"{given!r} is no formula of a ratio ({error}); such as 'kappa[i]/m' or 1/s"
        ) from None
    swaps: dict[Any, Any] = {}
    for symbol in expression.atoms(sp.Symbol):
        if isinstance(symbol, sp.Symbol) and symbol.name in LETTERS:
            swaps[symbol] = LETTERS[symbol.name]
        elif isinstance(symbol, sp.Symbol) and symbol.name in ("kappa_i", "kappa_j"):
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


def _foreign(label: str, attributes: Sequence[str]) -> str:
    listed = ", ".join(f"{name}[i]" for name in attributes)
    return (
        f"the ratio contains {label}, which is no letter of a ratio; use kappa[i], m, s, n, sums over j, and "
        + (f"the attributes {listed}" if listed else "attributes=… of the players")
    )


def _base(label: str) -> Any:
    """Return κ, or an attribute of the players."""
    return kappa if label == "kappa" else indexed(label)


def reads_support_only(expression: Expr, where: Mapping[Expr, Expr]) -> bool:
    """Return whether an expression reads κ through 1[κ_j > 0] and s alone."""
    whole = expression.xreplace(dict(where))
    replaced = whole.replace(lambda node: isinstance(node, Indicator), lambda node: _support(node))
    return not replaced.has(m) and not any(
        isinstance(node, sp.Indexed) and node.base == kappa for node in replaced.atoms(sp.Indexed)
    )


def _support(node: Any) -> Any:
    """Return a letter in place of 1[κ_j > 0], which says only who is in the support."""
    (condition,) = node.args
    inside = isinstance(condition, sp.StrictGreaterThan) and condition.rhs == 0
    if inside and isinstance(condition.lhs, sp.Indexed) and condition.lhs.base == kappa:
        return sp.Dummy("inside")
    return node

"""Ratios of several rules in one expression: no quantity and no running letter is used for two things."""

from __future__ import annotations

from typing import Any

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, i, j, k, q
from taylorattr.design.algebra.simplify import inlined

FREE = (j, q, k, *sp.symbols("l h", integer=True))
"""Letters that may run over players."""


def of_player(expression: Expr) -> tuple[Expr, Expr]:
    """Return the ratio of another player, and the letter it is written in: one that runs nowhere inside."""
    used = {letter for node in expression.atoms(sp.Sum, sp.Product) for letter, *_ in node.limits}
    letter = next(each for each in FREE if each not in used)
    return expression.xreplace({i: letter}), letter


def disjoint(rules: list[AllocationRule]) -> tuple[list[Expr], dict[str, Need], dict[str, Any]]:
    """Return the rules' ratios with the quantities of each under names of its own.

    Returns:
        Expressions, the quantities that they read, and settings in which criteria are looked at. A quantity
        that has the same value in several rules is kept once.
    """
    expressions, needs, tried = [], {}, {}
    for number, rule in enumerate(rules):
        renamed: dict[str, str] = {}
        for name, need in rule.needs.items():
            new = name
            if name in needs and not _same(needs[name], need):
                new = f"{name}{number + 1}"
            renamed[name] = new
            needs[new] = need
            if name in rule.tried:
                tried[new] = rule.tried[name]
        expressions.append(_renamed(inlined(rule), renamed))
    return expressions, needs, tried


def _same(first: Need, second: Need) -> bool:
    return first.axes == second.axes and str(first.default) == str(second.default)


def _renamed(expression: Expr, names: dict[str, str]) -> Expr:
    swaps: dict[Any, Any] = {}
    for node in expression.atoms(sp.Indexed):
        label = str(node.base.label)
        if names.get(label, label) != label:
            swaps[node] = sp.IndexedBase(names[label], real=True)[node.indices]
    for symbol in expression.atoms(sp.Symbol):
        if names.get(symbol.name, symbol.name) != symbol.name:
            swaps[symbol] = sp.Symbol(names[symbol.name], **symbol.assumptions0)
    return expression.xreplace(swaps)

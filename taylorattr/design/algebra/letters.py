"""Ratios of several rules in one expression: no quantity and no running letter is used for two things."""

from __future__ import annotations

import itertools
from typing import Any

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, i, j, k, q
from taylorattr.design.algebra.simplify import inlined

FREE = (j, q, k)
"""Letters that run over players first; l1, l2, … follow."""


def of_player(expression: Expr) -> tuple[Expr, Expr]:
    """Return the ratio of another player, and the letter it is written in: one that runs nowhere inside."""
    used = {letter for node in expression.atoms(sp.Sum, sp.Product) for letter, *_ in node.limits}
    more = (sp.Symbol(f"l{number}", integer=True) for number in itertools.count(1))
    letter = next(each for each in itertools.chain(FREE, more) if each not in used)
    return expression.xreplace({i: letter}), letter


def disjoint(rules: list[AllocationRule]) -> tuple[list[Expr], dict[str, Need], dict[str, Any]]:
    """Return the rules' ratios with the quantities of each under names of its own.

    Returns:
        Expressions, the quantities that they read, and settings in which criteria are looked at. A quantity
        that has the same value in several rules is kept once.
    """
    expressions, needs, tried = [], {}, {}
    given = {name for rule in rules for name in rule.needs}
    for rule in rules:
        renamed: dict[str, str] = {}
        for name, need in rule.needs.items():
            new = name
            if name in needs and not _same(needs[name], need):
                numbered = (f"{name}{number}" for number in itertools.count(2))
                new = next(each for each in numbered if each not in given | needs.keys())
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
    node: Any
    for node in expression.atoms(sp.Indexed):
        label = str(node.base.label)
        if names.get(label, label) != label:
            base: Any = sp.IndexedBase(names[label], real=True)
            swaps[node] = base[node.indices]
    for symbol in expression.atoms(sp.Symbol):
        if names.get(symbol.name, symbol.name) != symbol.name:
            swaps[symbol] = sp.Symbol(names[symbol.name], **symbol.assumptions0)
    return expression.xreplace(swaps)

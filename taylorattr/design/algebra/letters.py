"""Ratios of several rules in one expression: no quantity and no running letter is used for two things."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Disjoint:
    """Several rules whose quantities have names of their own.

    Attributes:
        names: For each rule: name of a quantity -> its name here.
        needs: The quantities by these names; one that has the same value in several rules is kept once.
        tried: Settings in which criteria are looked at.
    """

    names: tuple[dict[str, str], ...]
    needs: dict[str, Need]
    tried: dict[str, Any]

    def ratio(self, place: int, rule: AllocationRule) -> Expr:
        """Return the formula of one of the rules, in the names here."""
        return _renamed(inlined(rule), self.names[place])


def disjoint(rules: Sequence[AllocationRule]) -> Disjoint:
    """Return names for the quantities of several rules under which none stands for two things."""
    names: list[dict[str, str]] = []
    needs: dict[str, Need] = {}
    tried: dict[str, Any] = {}
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
        names.append(renamed)
    return Disjoint(tuple(names), needs, tried)


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

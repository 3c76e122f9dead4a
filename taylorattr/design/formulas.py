"""Ratios as formulas: without abbreviations, in their shortest form, compared by algebra."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, Indicator, i, j, k, kappa, m, n, q, s

MEMBER: Any = Indicator(kappa[j] > 0)
"""1[κ_j > 0], whose sum over all players is s."""


def inlined(rule: AllocationRule) -> Expr:
    """Return the ratio of a formula without abbreviations."""
    expression = rule.symbolic
    for _ in rule.where:
        expression = expression.xreplace(dict(rule.where))
    return expression


def simplified(expression: Expr) -> Expr:
    """Return an equal expression, shorter: Σκ_j = m, Σ1[κ_j > 0] = s, κ_i·1[κ_i > 0] = κ_i, quotients."""
    done = expression.replace(lambda node: isinstance(node, sp.Sum), _sum)
    done = done.replace(lambda node: isinstance(node, sp.Mul), _product)
    done = done.replace(lambda node: isinstance(node, sp.Pow), _power)
    return _cancelled(done)


def same(first: Expr, second: Expr) -> bool:
    """Return whether algebra shows that two ratios are equal for every κ; cases are compared one by one."""
    first, second = _members_marked(first), _members_marked(second)
    for one, other in ((first, second), (second, first)):
        if isinstance(one, sp.Piecewise):
            cases: list[Any] = list(one.args)  # (expression, condition)
            return cases[-1].cond == sp.true and all(same(branch, other) for branch, _ in cases)
    return simplified(first - second) == 0


def _members_marked(expression: Expr) -> Expr:
    """Return an expression with 1[κ > 0] where it is written as min(κ, 1) or sign(κ)."""

    def marks_members(node: Any) -> bool:
        exponents = [part for part in node.args if isinstance(part, sp.Indexed) and part.base == kappa]
        if isinstance(node, sp.sign):
            return len(exponents) == 1
        return isinstance(node, sp.Min) and len(exponents) == 1 and set(node.args) == {*exponents, sp.S.One}

    def mark(node: Any) -> Any:
        (exponent,) = (part for part in node.args if isinstance(part, sp.Indexed))
        return Indicator(exponent > 0)

    return expression.replace(marks_members, mark)


def _sum(node: Any) -> Any:
    """Return a sum over all players term by term, the sums that have a name by their name."""
    (letter, low, high), *more = node.limits
    if more or (low, high) != (1, n):
        return node
    total: Any = sp.Integer(0)
    inside = node.function if may_vanish(node.function) else sp.expand(node.function)
    for term in sp.Add.make_args(inside):
        fixed, running = _product(term).as_independent(letter, as_Add=False)
        # a quotient that counts as 0 where it divides by 0 stays inside: else Σ/Σ would be 1 there
        inside_still = sp.Mul(*filter(_may_divide_by_zero, sp.Mul.make_args(fixed)))
        fixed, running = fixed / inside_still, running * inside_still
        if not running.has(j):  # a j of its own would be caught by another letter's name
            running, letter_there = running.xreplace({letter: j}), j
        else:
            letter_there = letter
        known = {kappa[j]: m, MEMBER: s, sp.Integer(1): n}
        total += fixed * known.get(running, sp.Sum(running, (letter_there, 1, n)))
    return total


def _product(node: Any) -> Any:
    """Drop 1[κ > 0] beside κ itself and beside another 1[κ > 0]."""
    factors = sp.Mul.make_args(node)
    remaining = []
    for factor in factors:
        base, exponent = factor.as_base_exp()
        if isinstance(base, Indicator) and exponent.is_positive:
            condition: Any = base.args[0]
            inside = isinstance(condition, sp.StrictGreaterThan) and condition.rhs == 0
            others = [other.as_base_exp() for other in factors]
            if inside and any(b == condition.lhs and e.is_positive for b, e in others):
                continue
            factor = base
        remaining.append(factor)
    return sp.Mul(*remaining)


def _power(node: Any) -> Any:
    """Return 1[…] for a whole power of it, anything else as it is."""
    base, exponent = node.as_base_exp()
    return base if isinstance(base, Indicator) and exponent.is_Integer and exponent > 0 else node


def _cancelled(expression: Any) -> Any:
    """Cancel as a rational function of whatever is no sum, product or whole power."""
    letters: dict[Any, Any] = {}

    # sympy.cancel knows rational functions of letters: whatever is none, such as a sum, becomes a letter
    def letter(node: Any) -> Any:
        return letters.setdefault(node, sp.Dummy())

    def rational(node: Any) -> Any:
        if isinstance(node, sp.Mul) and any(map(_may_divide_by_zero, node.args)):
            sizes = [part for part in node.args if part.free_symbols <= {m, s, n}]
            sizes = [part for part in sizes if not _may_divide_by_zero(part)]
            rest = [part for part in node.args if part not in sizes]
            return sp.Mul(*map(rational, sizes)) * letter(sp.Mul(*rest))
        if isinstance(node, sp.Add | sp.Mul):
            return node.func(*(rational(part) for part in node.args))
        if isinstance(node, sp.Pow) and node.exp.is_Integer and not _may_divide_by_zero(node):
            return rational(node.base) ** node.exp
        return node if node.is_Rational else letter(node)

    done = sp.cancel(rational(expression))
    back = done.xreplace({dummy: node for node, dummy in letters.items()})
    squares = back.replace(lambda node: isinstance(node, sp.Pow), _power)
    if squares != back:
        return _cancelled(squares.replace(lambda node: isinstance(node, sp.Mul), _product))
    return back


def may_vanish(expression: Any) -> bool:
    """Return whether a denominator in an expression is not known to be positive for every κ ≠ 0.

    A quotient by 0 counts as 0, so terms keep such denominators for themselves.
    """
    return any(map(_may_divide_by_zero, sp.preorder_traversal(expression)))


def _may_divide_by_zero(node: Any) -> bool:
    """Return whether a node is a quotient by something that is not seen to be positive."""
    return isinstance(node, sp.Pow) and not node.exp.is_nonnegative and not _positive(node.base)


def _positive(node: Any) -> bool:
    """Return whether an expression is seen to be positive for every κ ≠ 0."""
    if isinstance(node, sp.Sum):
        (letter, *ends), *more = node.limits
        function: Any = node.function
        terms = sp.Add.make_args(function)
        everyone = not more and tuple(ends) == (1, n) and all(map(_nonnegative, terms))
        return everyone and any(_positive_for_members(term, letter) for term in terms)
    if isinstance(node, sp.Add):
        return all(map(_nonnegative, node.args)) and any(map(_positive, node.args))
    if isinstance(node, sp.Mul):
        return all(map(_positive, node.args))
    if isinstance(node, sp.Pow):
        return _positive(node.base) and bool(node.exp.is_real)
    return bool(node.is_Atom and node.is_positive)


def _positive_for_members(term: Any, letter: Any) -> bool:
    """Return whether a summand is positive for every player in the term, of whom there is one at least."""
    factors = [factor.as_base_exp() for factor in sp.Mul.make_args(term)]
    member = (kappa[letter], Indicator(kappa[letter] > 0))
    return all(_positive(base) or (base in member and power.is_positive) for base, power in factors)


def _nonnegative(node: Any) -> bool:
    """Return whether an expression is seen to be 0 or more for every κ."""
    if isinstance(node, sp.Sum):
        return _nonnegative(node.function)
    if isinstance(node, sp.Add | sp.Mul):
        return all(map(_nonnegative, node.args))
    return bool(node.is_nonnegative) or _positive(node)


FREE_LETTERS = (j, q, k)
"""Letters that run over players first; l1, l2, … follow."""


def of_player(expression: Expr) -> tuple[Expr, Expr]:
    """Return the ratio of another player, and the letter it is written in: one that runs nowhere inside."""
    used = {letter for node in expression.atoms(sp.Sum, sp.Product) for letter, *_ in node.limits}
    more = (sp.Symbol(f"l{number}", integer=True) for number in itertools.count(1))
    letter = next(each for each in itertools.chain(FREE_LETTERS, more) if each not in used)
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
        return _with_names(inlined(rule), self.names[place])


def disjoint(rules: Sequence[AllocationRule]) -> Disjoint:
    """Return names for the quantities of several rules under which none stands for two things."""
    names: list[dict[str, str]] = []
    needs: dict[str, Need] = {}
    tried: dict[str, Any] = {}
    names_in_use = {name for rule in rules for name in rule.needs}
    for rule in rules:
        renamed: dict[str, str] = {}
        for name, need in rule.needs.items():
            new = name
            if name in needs and not _same_need(needs[name], need):
                numbered = (f"{name}{number}" for number in itertools.count(2))
                new = next(each for each in numbered if each not in names_in_use | needs.keys())
            renamed[name] = new
            needs[new] = need
            if name in rule.tried:
                tried[new] = rule.tried[name]
        names.append(renamed)
    return Disjoint(tuple(names), needs, tried)


def _same_need(first: Need, second: Need) -> bool:
    """Return whether two quantities have one shape and one value, so that they may share a name."""
    return first.axes == second.axes and str(first.default) == str(second.default)


def _with_names(expression: Expr, names: dict[str, str]) -> Expr:
    """Return an expression with its quantities under other names."""
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

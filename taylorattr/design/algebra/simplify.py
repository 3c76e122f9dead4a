"""Bring a ratio into a simple form: sums over players that have a name, factors that are there twice."""

from __future__ import annotations

from typing import Any

import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, Indicator, j, kappa, m, n, s

MEMBER: Any = Indicator(kappa[j] > 0)


def inlined(rule: AllocationRule) -> Expr:
    """Return the ratio of a formula without abbreviations."""
    expression = rule.symbolic
    for _ in rule.where:
        expression = expression.xreplace(dict(rule.where))
    return expression


def simplified(expression: Expr) -> Expr:
    """Return an equal expression: Σκ_j = m, Σ1[κ_j > 0] = s, κ_i·1[κ_i > 0] = κ_i, and quotients
    cancelled.
    """
    done = expression.replace(lambda node: isinstance(node, sp.Sum), _sum)
    done = done.replace(lambda node: isinstance(node, sp.Mul), _product)
    done = done.replace(lambda node: isinstance(node, sp.Pow), _power)
    return _cancelled(done)


def same(first: Expr, second: Expr) -> bool:
    """Return whether algebra shows that two ratios are equal for every κ."""
    return simplified(first - second) == 0


def _sum(node: Any) -> Any:
    (letter, low, high), *more = node.limits
    if more or (low, high) != (1, n):
        return node
    total: Any = sp.Integer(0)
    for term in sp.Add.make_args(sp.expand(node.function)):
        fixed, running = _product(term).as_independent(letter, as_Add=False)
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
    kept = []
    for factor in factors:
        base, exponent = factor.as_base_exp()
        if isinstance(base, Indicator) and exponent.is_positive:
            (condition,) = base.args
            inside = isinstance(condition, sp.StrictGreaterThan) and condition.rhs == 0
            others = [other.as_base_exp() for other in factors]
            if inside and any(b == condition.lhs and e.is_positive for b, e in others):
                continue
            factor = base
        kept.append(factor)
    return sp.Mul(*kept)


def _power(node: Any) -> Any:
    base, exponent = node.as_base_exp()
    return base if isinstance(base, Indicator) and exponent.is_Integer and exponent > 0 else node


def _cancelled(expression: Any) -> Any:
    """Cancel as a rational function of whatever is no sum, product or whole power."""
    letters: dict[Any, Any] = {}

    def rational(node: Any) -> Any:
        if isinstance(node, sp.Add | sp.Mul):
            return node.func(*(rational(part) for part in node.args))
        if isinstance(node, sp.Pow) and node.exp.is_Integer:
            return rational(node.base) ** node.exp
        return node if node.is_Rational else letters.setdefault(node, sp.Dummy())

    done = sp.cancel(rational(expression))
    back = done.xreplace({dummy: node for node, dummy in letters.items()})
    squares = back.replace(lambda node: isinstance(node, sp.Pow), _power)
    if squares != back:
        return _cancelled(squares.replace(lambda node: isinstance(node, sp.Mul), _product))
    return back

"""Whether a ratio is κ_i M_{m−1}, the moments of a measure on the straight path, eq. (70)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, i, kappa, m
from taylorattr.criteria.paper.cases import cases
from taylorattr.design.algebra.simplify import inlined, simplified
from taylorattr.design.deep_terms import deep_terms
from taylorattr.errors import OptionError, TaylorAttrError
from taylorattr.maths.measures import LARGEST_DEGREE, Measure, Moments


def straight_measure(rule: AllocationRule) -> Measure | None:
    """Return the positive measure of a rule κ_i M_{m−1}, None where there is none.

    A formula shows it for every order. A function is asked for x₁^m up to the order that determines the
    nodes, and compared on all small terms.

    Args:
        rule: A rule of players without attributes.
    """
    if rule.needs or rule.granularity != "term" or rule.reach is not None:
        return None
    moment = _of_formula(rule) if rule.evaluator is None else _of_function(rule)
    if moment is None:
        return None
    try:
        return Moments(moment)
    except OptionError:  # no positive measure has these moments
        return None


def _of_formula(rule: AllocationRule) -> Callable[[int], Fraction] | None:
    ratio: Expr = sp.expand(simplified(inlined(rule)))
    factor: Expr = simplified(sp.Add(*(term / kappa[i] for term in sp.Add.make_args(ratio))))
    if factor.free_symbols - {m}:
        return None
    return lambda k: rule.ratio((k + 1,))[0] / (k + 1)


def _of_function(rule: AllocationRule) -> Callable[[int], Fraction] | None:
    try:
        orders = np.arange(1, 2 * LARGEST_DEGREE + 2)[:, None]
        single = rule.exact_ratios(orders)[:, 0] / np.array(
            [Fraction(int(o)) for o in orders[:, 0]], dtype=object
        )
        for case in cases(rule):
            powers = np.array([[Fraction(int(k)) for k in row] for row in case.kappas], dtype=object)
            expected = powers * single[case.terms.orders - 1][:, None]
            if (rule.exact_ratios(case.kappas, case.context) != expected).any():
                return None
        for kappas in deep_terms():
            powers = np.array([[Fraction(int(k)) for k in row] for row in kappas], dtype=object)
            if (rule.exact_ratios(kappas) != powers * single[kappas.sum(axis=1) - 1][:, None]).any():
                return None
    except TaylorAttrError:  # the function does not go that far
        return None
    return lambda k: single[k]

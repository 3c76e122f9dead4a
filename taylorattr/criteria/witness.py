"""Counterexamples in words: a term or two, the setting, and what the rule makes of them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.cases import Case

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def monomial(kappa: Any) -> str:
    """Return x₁²x₂ for κ = (2, 1)."""
    return "".join(
        f"x{str(place + 1).translate(SUBSCRIPTS)}" + (str(power).translate(POWERS) if power > 1 else "")
        for place, power in enumerate(int(p) for p in kappa)
        if power
    )


def number(value: Any) -> str:
    """Return a number of a setting: whole numbers and fractions as they are."""
    if isinstance(value, np.generic):
        value = value.item()
    return str(Fraction(value).limit_denominator(10**6)) if isinstance(value, int | float) else str(value)


def setting(case: Case) -> str:
    """Return the context of a case: u = (1, −1), c = 0."""
    parts = []
    for name, value in case.context.items():
        array = np.asarray(value, dtype=object)
        if array.size > 16:
            continue
        entries = [number(v) for v in array.reshape(-1)]
        parts.append(f"{name} = {entries[0]}" if array.ndim == 0 else f"{name} = ({', '.join(entries)})")
    return ", ".join(parts)


def what(rule: AllocationRule) -> str:
    """Return what the term belongs to."""
    return {"unit": "of a unit σ(z)", "cells": "of a head y(A)"}.get(rule.scope, "")


def about_term(rule: AllocationRule, case: Case, row: int, ratios: np.ndarray) -> str:
    """Return a term and the ratios it gets: x₁²: weights (2), in total 2."""
    weights = ", ".join(number(w) for w in ratios[row])
    total = number(sum(ratios[row], Fraction(0)))
    parts = [f"{monomial(case.kappas[row])}{f' {what(rule)}' if what(rule) else ''}", setting(case)]
    return " at ".join(part for part in parts if part) + f": weights ({weights}), in total {total}"


def about_effect(rule: AllocationRule, case: Case, effects: dict[int, Fraction]) -> str:
    """Return terms of one support whose sum is an effect of 1 of which nobody gets anything."""
    terms = [f"{number(value)}·{monomial(case.kappas[row])}" for row, value in effects.items()]
    where = setting(case)
    return (
        " + ".join(terms).replace("+ -", "− ")
        + (f" {what(rule)}" if what(rule) else "")
        + (f" at {where}" if where else "")
        + ": an effect of 1 of which nobody gets anything"
    )

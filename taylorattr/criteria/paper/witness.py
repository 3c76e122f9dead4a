"""Counterexamples in words: a term or two, the setting, and what the rule makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from taylorattr.allocation.printing import GREEK
from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.coverage import CONSTANT
from taylorattr.criteria.paper.cases import Case

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

WIDEST = 16
"""Entries of a table of the context that are written out."""


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
    text = str(Fraction(value).limit_denominator(10**6)) if isinstance(value, int | float) else str(value)
    return text.replace("-", "−")


def setting(rule: AllocationRule, case: Case) -> str:
    """Return the context of a case: u = (1, −1), c = 0."""
    parts = []
    for name, value in case.context.items():
        array = np.asarray(value, dtype=object)
        if array.size > WIDEST or (rule.scope == "cells" and name == "c"):
            continue
        parts.append(f"{GREEK.get(name, name)} = {_nested(array)}")
    return ", ".join(parts)


def _nested(array: np.ndarray) -> str:
    """Return a table as it is written by hand: (1, 2) or ((1, 0), (0, 1))."""
    if array.ndim == 0:
        return number(array.item())
    return f"({', '.join(_nested(np.asarray(row, dtype=object)) for row in array)})"


def what(rule: AllocationRule) -> str:
    """Return what the term belongs to."""
    return {"unit": " of a unit σ(z)", "cells": " of a head y(A)"}.get(rule.scope, "")


def about_term(rule: AllocationRule, case: Case, row: int, ratios: np.ndarray) -> str:
    """Return a term and the ratios it gets: x₁²: weights (2), in total 2."""
    weights = ", ".join(number(w) for w in ratios[row])
    total = number(sum(ratios[row], Fraction(0)))
    parts = [f"{monomial(case.kappas[row])}{what(rule)}", setting(rule, case)]
    return " at ".join(part for part in parts if part) + f": weights ({weights}), in total {total}"


def about_effect(rule: AllocationRule, case: Case, effects: Mapping[int, Fraction]) -> str:
    """Return terms of one support whose sum is an effect of 1 of which nobody gets anything."""
    terms = "".join(_signed(value, monomial(case.kappas[row])) for row, value in effects.items() if row >= 0)
    text = terms.removeprefix(" + ").replace(" − ", "−", 1 if terms.startswith(" − ") else 0)
    if CONSTANT in effects:
        text += f" beside I(0) = {number(effects[CONSTANT])}"
    where = setting(rule, case)
    at = f" at {where}" if where else ""
    return f"{text}{what(rule)}{at}: an effect of 1 of which nobody gets anything"


def _signed(value: Fraction, term: str) -> str:
    size = "" if abs(value) == 1 else f"{number(abs(value))}·"
    return f" {'−' if value < 0 else '+'} {size}{term}"

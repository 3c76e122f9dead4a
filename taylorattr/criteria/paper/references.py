"""What a mean over references does in one fixed frame, eq. (22)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from taylorattr.allocation.allocate import exact_scores
from taylorattr.allocation.node_values import as_fraction
from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.verdict import Criterion
from taylorattr.effects.symbolic import symbolic_effects

LARGEST = 3
"""Inputs 1 … 3 are looked at."""

REFERENCES = (-1, 1)


def fixed_frame_weight(rule: AllocationRule, x: int) -> Fraction:
    """Return the weight of y² at x with the references ±1 when its effect is taken at their mean, 0."""
    y: Any = sp.Symbol("y")
    scores = [exact_scores(rule, symbolic_effects(y**2, [y], [x], [b]))[0] for b in REFERENCES]
    return sum((as_fraction(score) for score in scores), Fraction(0)) / (len(REFERENCES) * x**2)


def mean_reference_weight(rule: AllocationRule, criterion: Criterion) -> str:
    """Return the smallest case in which one fixed frame breaks a criterion; empty where none does."""
    if rule.needs or "baseline" not in rule.frames:
        return ""
    for x in range(1, LARGEST + 1):
        weight = fixed_frame_weight(rule, x)
        broken = {"complete": weight != 1, "coverage": weight == 0, "no_leak": False}[criterion]
        if broken:
            return f"at the mean reference, y² at x = {x} with references ±1 gets weight {weight}"
    return ""

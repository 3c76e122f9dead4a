"""What a mean over references does in one fixed frame, eq. (22)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from taylorattr.allocation.allocate import allocate
from taylorattr.criteria.verdict import Criterion
from taylorattr.effects.symbolic import symbolic_effects

LARGEST = 3
"""Inputs 1 … 3 are looked at."""


def fixed_frame_weight(x: int) -> Fraction:
    """Return the weight of y² at x with the references ±1 when its effect is taken at their mean, 0."""
    y: Any = sp.Symbol("y")
    tables = [symbolic_effects(y**2, [y], [x], [reference]) for reference in (-1, 1)]
    score = float(allocate("expected_gradients", tables).player_scores[0, 0])
    return Fraction(score).limit_denominator(1000) / x**2


def mean_reference_weight(criterion: Criterion) -> str:
    """Return the smallest case in which one fixed frame breaks a criterion; empty where none does."""
    for x in range(1, LARGEST + 1):
        weight = fixed_frame_weight(x)
        broken = weight != 1 if criterion == "complete" else weight == 0 if criterion == "coverage" else False
        if broken:
            return f"at the mean reference, y² at x = {x} with references ±1 gets weight {weight}"
    return ""

"""C1, coverage: every effect is given to somebody; at effect level also a sum of several terms, eq. (12)."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp


def uncovered(ratios: np.ndarray) -> np.ndarray:
    """Return the rows in which nobody gets anything, shape (M,), bool."""
    return ~(ratios != 0).any(axis=1)


def cancelling(ratios: np.ndarray) -> dict[int, Fraction] | None:
    """Return effects of some terms of one support that add up to 1 and of which nobody gets anything.

    None if there are none: then Σ_κ I(κ) is a linear function of the scores, so an effect J(S) ≠ 0 always
    reaches somebody.

    Args:
        ratios: Rows w(κ) of terms with one support, shape (M, R), ``Fraction`` entries.

    Returns:
        Row -> I(κ), as few rows as there can be.
    """
    for row in range(len(ratios)):
        if not any(ratios[row]):
            return {row: Fraction(1)}
    for one, two in itertools.combinations(range(len(ratios)), 2):
        found = _cancelling_pair(ratios[one], ratios[two])
        if found is not None:
            return {one: found, two: 1 - found}
    table: Any = sp.Matrix([[sp.Rational(v.numerator, v.denominator) for v in row] for row in ratios])
    for vector in table.T.nullspace():
        total = sum(vector)
        if total != 0:
            entries = [v / total for v in vector]
            return {row: Fraction(int(v.p), int(v.q)) for row, v in enumerate(entries) if v != 0}
    return None


def _cancelling_pair(one: np.ndarray, two: np.ndarray) -> Fraction | None:
    """Return t with t·one + (1 − t)·two = 0, None if there is none."""
    difference = two - one
    moving = np.flatnonzero(np.asarray(difference != 0, dtype=bool))
    if not len(moving):
        return None
    t = Fraction(two[moving[0]] / difference[moving[0]])
    return t if all(t * a + (1 - t) * b == 0 for a, b in zip(one, two, strict=True)) else None

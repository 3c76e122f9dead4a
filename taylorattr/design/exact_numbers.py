"""Weights that a user's function returns, read as exact numbers.

Criteria are decided in exact arithmetic, and functions return floats: 1/3 comes as 0.333…. A float is read as
the simplest fraction within rounding, and a row of floats whose sum is such a fraction within rounding is
made to have that sum, so that shares such as √κ_i/Σ√κ_j, which no fraction equals, still add up to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
import torch

RELATIVE_ROUNDING = 2.0**-48
"""Relative distance within which a float is taken for a fraction; sums of a row likewise."""

LARGEST_DENOMINATOR = 10**5
"""Largest denominator of a fraction that a float is taken for."""

IN_SINGLE_PRECISION = (2.0**-22, 10**3)
"""The same two for numbers in single precision, as torch makes them."""


def exact(value: Any) -> Fraction:
    """Return a number as a fraction: exact numbers as they are, floats as the simplest one within rounding.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is NaN or infinite.
    """
    single = _is_single(value)
    if isinstance(value, torch.Tensor):
        value = value.item()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int):
        return Fraction(value)
    if isinstance(value, sp.Rational):
        return Fraction(int(value.p), int(value.q))
    if isinstance(value, sp.Expr) and value.is_number and value.is_real:
        value = float(value)
    if not isinstance(value, float):
        raise TypeError(f"{value!r} is a {type(value).__name__}, not a number")
    if not math.isfinite(value):
        raise ValueError(f"{value} is not finite")
    return (
        _simplest(value, *IN_SINGLE_PRECISION)
        if single
        else _simplest(value, RELATIVE_ROUNDING, LARGEST_DENOMINATOR)
    )


def exact_row(values: Sequence[Any]) -> list[Fraction]:
    """Return weights as fractions whose sum is the simplest one within rounding.

    Args:
        values: Weights; see `exact` for what is accepted.
    """
    row = [exact(value) for value in values]
    rounding, denominator = (
        IN_SINGLE_PRECISION if any(map(_is_single, values)) else (RELATIVE_ROUNDING, LARGEST_DENOMINATOR)
    )
    # 1e-17 beside 0.5 is what subtracting left of a 0: a leak that no formula has
    noise = Fraction(rounding) * max((abs(value) for value in row), default=Fraction(0))
    row = [value if abs(value) > noise else Fraction(0) for value in row]
    total = sum(row, Fraction(0))
    size = float(sum((abs(value) for value in row), Fraction(0)))
    simple = total.limit_denominator(denominator)
    error = simple - total
    if error and abs(float(error)) <= rounding * max(size, 1.0):
        largest = max(range(len(row)), key=lambda place: abs(row[place]))
        row[largest] += error
    return row


def float_row(values: Sequence[Any]) -> list[float]:
    """Return weights as floats, as they were computed.

    Args:
        values: Numbers.

    Raises:
        ValueError: If one is NaN or infinite.
    """
    row = [float(value) for value in values]
    for value in row:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not finite")
    return row


def _is_single(value: Any) -> bool:
    return getattr(value, "dtype", None) in (torch.float32, np.float32)


def _simplest(value: float, rounding: float, denominator: int) -> Fraction:
    found = Fraction(value)
    simple = found.limit_denominator(denominator)
    return simple if abs(simple - found) <= Fraction(rounding) * abs(found) else found

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

IN_DOUBLE_PRECISION = (2.0**-48, 10**5)
"""Relative distance within which a float is taken for a fraction, sums of a row likewise, and the largest
denominator of such a fraction: sixteen roundings, while two such fractions differ by 10⁻¹⁰ at least."""

IN_SINGLE_PRECISION = (2.0**-22, 10**3)
"""The same two for numbers in single precision, as torch makes them."""


def exact(value: Any) -> Fraction:
    """Return a number as a fraction: exact numbers as they are, floats as the simplest one within rounding.

    Raises:
        TypeError: If it is no real number.
        ValueError: If it is NaN or infinite.
    """
    single = _is_single(
        value
    )  # read before the value becomes a Python float, which has no precision of its own
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
    return _simplest(value, *(IN_SINGLE_PRECISION if single else IN_DOUBLE_PRECISION))


def exact_row(values: Sequence[Any]) -> list[Fraction]:
    """Return weights as fractions whose sum is the simplest one within rounding.

    Args:
        values: Weights; see `exact` for what is accepted.
    """
    row = [exact(value) for value in values]
    rounding, denominator = IN_SINGLE_PRECISION if any(map(_is_single, values)) else IN_DOUBLE_PRECISION
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
    """Return whether a number is a torch or numpy scalar in single precision."""
    return getattr(value, "dtype", None) in (torch.float32, np.float32)


def _simplest(value: float, rounding: float, denominator: int) -> Fraction:
    """Return the simplest fraction within rounding of a float, or the binary fraction that it holds."""
    binary = Fraction(value)
    simple = binary.limit_denominator(denominator)
    return simple if abs(simple - binary) <= Fraction(rounding) * abs(binary) else binary

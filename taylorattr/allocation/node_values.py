"""What the nodes of a ratio are worth once their arguments are numbers, in floating point or exactly.

With ``Fraction`` entries every result is exact. A quotient with denominator 0 counts as 0 (docs/theory.md
§13: empty groups have nothing to share).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.errors import OptionError
from taylorattr.maths.interaction_indices import bernoulli

MOST_BITS_OF_A_POWER = 1 << 20
"""Most binary digits of an exact power."""

LARGEST_ARGUMENT = 10_000
"""Largest number whose factorial, binomial coefficient, Bernoulli number or moment is worked out."""

MOST_COMBINATIONS = 1_000_000
"""Most entries of a table of such numbers, which holds every combination in the ranges of the arguments."""


class Arithmetic:
    """Arrays of float64, or of ``Fraction``.

    Args:
        exact: Whether to compute with ``Fraction``.

    Attributes:
        zero: 0 in this arithmetic.
        one: 1.
    """

    zero: Any
    one: Any

    def __init__(self, exact: bool) -> None:
        """Choose the arithmetic."""
        self.exact = exact
        self.zero, self.one = (Fraction(0), Fraction(1)) if exact else (np.float64(0), np.float64(1))

    def number(self, value: Any) -> np.ndarray:
        """Return a number or array in this arithmetic."""
        if not self.exact:
            return np.asarray(value, dtype=np.float64)
        # numpy has no dtype of fractions; arrays of objects compute with their entries' own operators
        entries = np.asarray(value, dtype=object)
        out = np.empty(entries.shape, dtype=object)
        for position, entry in np.ndenumerate(entries):
            out[position] = as_fraction(entry)
        return out


def as_fraction(value: Any) -> Fraction:
    """Return a number as the rational it is; a float is the binary fraction it holds."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, sp.Rational):
        return Fraction(int(value.p), int(value.q))
    return Fraction(value)


def power(arithmetic: Arithmetic, base: Any, exponent: Any) -> np.ndarray:
    """Return base^exponent; 0 where that is a quotient by 0.

    Raises:
        OptionError: If it is asked for exactly and not rational.
    """
    base, exponent = np.broadcast_arrays(np.asarray(base), np.asarray(exponent))
    # an empty group has nothing to share: its 0/0 is 0, and a base of 1 keeps warnings away meanwhile
    undefined = np.asarray((base == 0) & (exponent < 0), dtype=bool)
    safe = np.where(undefined, arithmetic.one, base)
    if arithmetic.exact:
        powers: Any = np.frompyfunc(_exact_power, 2, 1)(safe, exponent)
    else:
        powers = np.power(safe, exponent)
    return np.where(undefined, arithmetic.zero, powers)


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction:
    digits = max(abs(base.numerator), base.denominator).bit_length()
    if abs(exponent) * digits > MOST_BITS_OF_A_POWER and abs(base) != 1:
        raise OptionError(
            f"the ratio asks for a number of {digits} binary digits to the power {str(exponent)[:20]}; exact "
            f"powers go up to {MOST_BITS_OF_A_POWER:,} digits"
        )
    result = base**exponent  # a root is a float, of whole exponents only a fraction
    if not isinstance(result, Fraction):
        raise OptionError(f"{base} to the power {exponent} is not rational; use ratios(), in float64")
    return result


def sign(arithmetic: Arithmetic, value: Any) -> np.ndarray:
    """Return 1, 0 or −1."""
    one, zero = arithmetic.one, arithmetic.zero
    return np.where(np.asarray(value > 0), one, np.where(np.asarray(value < 0), -one, zero))


def largest(arithmetic: Arithmetic, first: Any, *others: Any) -> Any:
    """Return the largest of the values, entry by entry."""
    for other in others:
        first = np.where(first >= other, first, other)
    return first


def smallest(arithmetic: Arithmetic, first: Any, *others: Any) -> Any:
    """Return the smallest of the values, entry by entry."""
    for other in others:
        first = np.where(first <= other, first, other)
    return first


def of_whole_numbers(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Return the function for arrays of whole numbers, worked out once per combination in their ranges."""

    def value(arithmetic: Arithmetic, *values: Any) -> np.ndarray:
        arguments = [np.asarray(a) for a in values]
        if not all(a.size for a in arguments):
            return arithmetic.number(np.empty(np.broadcast_shapes(*[a.shape for a in arguments])))
        # compared before they are made whole numbers, which infinity and huge fractions cannot be
        for a in arguments:
            if not max(abs(a.min()), abs(a.max())) <= LARGEST_ARGUMENT:
                raise OptionError(
                    f"the ratio asks for {function.__name__} of {str(a.max())[:20]}; the largest number is "
                    f"{LARGEST_ARGUMENT:,}"
                )
        ranges = [range(int(a.min()), int(a.max()) + 1) for a in arguments]
        if math.prod(map(len, ranges)) > MOST_COMBINATIONS:
            raise OptionError(
                f"the ratio asks for {function.__name__} of {' × '.join(str(len(r)) for r in ranges)} "
                f"combinations of numbers; the most is {MOST_COMBINATIONS:,}"
            )
        table = np.array([function(*entries) for entries in itertools.product(*ranges)], dtype=object)
        position: Any = 0
        for argument, entries in zip(arguments, ranges, strict=True):
            position = position * len(entries) + (argument - entries.start)
        return arithmetic.number(table)[np.asarray(position).astype(np.intp)]

    return value


def factorial(k: int) -> int:
    """k!; 0 for k < 0, which only ever meets a factor 0."""
    return math.factorial(k) if k >= 0 else 0


def choose(a: int, b: int) -> int:
    """C(a, b); 0 where there is nothing to choose."""
    return math.comb(a, b) if 0 <= b <= a else 0


def bernoulli_number(q: int) -> Fraction | int:
    """B_q with B_1 = −½; 0 for q < 0, which only ever meets a factor 0."""
    return bernoulli(q) if q >= 0 else 0


def moment(arithmetic: Arithmetic, order: Any, rho: Any, mean: Any = None) -> np.ndarray:
    """Return E(μ + ρZ)^k for standard normal Z, eq. (14), by Stein's recurrence; μ = 1 unless given."""
    order, rho = np.asarray(order), np.asarray(rho)
    mean = np.asarray(arithmetic.one if mean is None else mean)
    if order.size and not order.max() <= LARGEST_ARGUMENT:
        raise OptionError(
            f"the ratio asks for a moment of order {str(order.max())[:20]}; the most is {LARGEST_ARGUMENT:,}"
        )
    # orders below 0 only ever meet a factor κ_i = 0
    order = order.astype(np.int64).clip(0)
    here = arithmetic.one + arithmetic.zero * (rho + mean)
    levels, below = [here], arithmetic.zero * here
    for k in range(int(order.max(initial=0))):
        below, here = here, mean * here + k * rho * rho * below
        levels.append(here)
    table = np.stack([np.asarray(level) for level in levels])
    shape = np.broadcast_shapes(order.shape, table.shape[1:])
    table = np.broadcast_to(
        table.reshape(len(table), *(1,) * (len(shape) - table.ndim + 1), *table.shape[1:]),
        (len(table), *shape),
    )
    return np.take_along_axis(table, np.broadcast_to(order, shape)[None], 0)[0]

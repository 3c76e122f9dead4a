"""How large a formula from a file or an argument may be, checked before sympy works its numbers out.

Sympy evaluates 10**10**8 or factorial(10**8) as soon as it is built, and simplification multiplies formulas
out: what would take for ever is refused here with a ValueError that says what is too large.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import sympy as sp

from taylorattr.allocation.symbols import Expr, Indicator, j, n, product, total

DEEPEST = 60
"""Nodes inside each other at most; sympy walks formulas recursively."""

MOST_DIGITS = 1_000
"""Digits of a whole number, numerator or denominator at most; those of the smallest float are 324."""

LARGEST_WHOLE = 1_000
"""Largest number whose factorial or binomial coefficient is worked out, and largest end of a sum."""

LARGEST_EXPONENT = 10_000
"""Largest exponent that is a number."""

LARGEST_ORDER = 100
"""Largest order of a moment or Bernoulli number that is worked out."""

MOST_FORMULA_TERMS = 100_000
"""Terms that a formula may have when it is multiplied out, which simplification does."""

MOST_BITS = 100_000
"""Binary digits that a value of a formula may have where letters are as large as in usual terms."""

BITS_OF_A_LETTER = 6.0
"""log₂ of the largest letter or exponent that is expected: orders and players up to 64."""

USUAL_PLAYERS, MOST_ROUNDS = 8, 100_000
"""Players that a sum over all runs through in small terms, and how often sums inside sums are evaluated."""


def bounded_fraction(text: str) -> Fraction:
    """Return a number written as ``3``, ``3/4``, ``0.75`` or ``7.5e-1``.

    ``Fraction`` itself would work out 1e99999999.

    Args:
        text: The number.

    Raises:
        ValueError: If it is no number, or has too many digits.
    """
    whole = re.fullmatch(r"\s*([+-]?\d+)\s*(?:/\s*(\d+))?\s*", text, re.ASCII)
    decimal = re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+))?\s*", text, re.ASCII)
    if len(text) > 2 * MOST_DIGITS or not (whole or decimal):
        raise ValueError(f"{text[:40]!r} is no number such as 3, 3/4 or 0.75")
    if whole:
        return few_digits(Fraction(int(whole[1]), int(whole[2] or 1)))
    if decimal and decimal[2] and abs(int(decimal[2])) > MOST_DIGITS:
        raise ValueError(f"{text[:40]!r} has more than {MOST_DIGITS} digits")
    return few_digits(Fraction(text))


def few_digits(value: Fraction) -> Fraction:
    """Return a fraction whose numerator and denominator have few enough digits."""
    if max(abs(value.numerator), value.denominator).bit_length() > MOST_DIGITS / math.log10(2):
        raise ValueError(f"a number has more than {MOST_DIGITS} digits")
    return value


def power(base: Any, exponent: Any) -> Expr:
    """Return base**exponent, unless working it out would take more digits than a number may have."""
    if isinstance(exponent, sp.Number):
        if abs(exponent) > LARGEST_EXPONENT:
            raise ValueError(f"the exponent {exponent} is larger than {LARGEST_EXPONENT:,}")
        if isinstance(base, sp.Rational):
            size = max(abs(int(base.p)), int(base.q)).bit_length() * abs(float(exponent))
            if size > MOST_DIGITS / math.log10(2):
                raise ValueError(f"{base}**{exponent} has more than {MOST_DIGITS} digits")
    return sp.Pow(base, exponent)


def of_small_numbers(function: Callable[..., Any], largest: int) -> Callable[..., Any]:
    """Return a function that refuses numbers for which it would be worked out at length."""

    def guarded(*arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, sp.Number) and abs(argument) > largest:
                raise ValueError(f"{function.__name__} of {argument} is worked out up to {largest} only")
        return function(*arguments)

    return guarded


def _within_limits(limit: Sequence[Any]) -> tuple[Any, ...]:
    """Return the letter and ends of a sum; ends that are numbers are bounded, for a sum is gone through."""
    letter, *ends = limit
    if not isinstance(letter, sp.Symbol) or len(ends) != 2:
        raise ValueError("a sum runs over a letter between two ends, such as (j, 1, n)")
    for end in ends:
        if isinstance(end, sp.Number) and abs(end) > LARGEST_WHOLE:
            raise ValueError(f"a sum to {end} has too many terms (at most {LARGEST_WHOLE})")
    return letter, *ends


def sum_over(term: Any, limit: Sequence[Any], *more: Sequence[Any]) -> Expr:
    """Return Σ term over one or several letters."""
    return sp.Sum(term, *map(_within_limits, (limit, *more)))


def product_over(factor: Any, limit: Sequence[Any], *more: Sequence[Any]) -> Expr:
    """Return Π factor over one or several letters."""
    return sp.Product(factor, *map(_within_limits, (limit, *more)))


def indicator(condition: Any) -> Expr:
    """Return 1[condition]; of a number it would be neither 0 nor 1."""
    if not isinstance(condition, sp.logic.boolalg.Boolean) or isinstance(condition, sp.Symbol):
        raise ValueError(f"Indicator({condition}) needs a condition, such as kappa[i] > 0")
    return Indicator(condition)


def total_over_players(term: Any, index: Any = j, count: Any = n) -> Expr:
    """Return Σ_{index=1}^{count} term."""
    return total(term, *_within_limits((index, 1, count))[::2])


def product_over_players(factor: Any, index: Any = j, count: Any = n) -> Expr:
    """Return Π_{index=1}^{count} factor."""
    return product(factor, *_within_limits((index, 1, count))[::2])


class _Size(NamedTuple):
    """How large an expression can become.

    Attributes:
        terms: Bound on its terms when it is multiplied out, as simplification does.
        bits: Bound on log₂ of its value, for the letters of usual terms.
        rounds: How often the inside of its sums is evaluated for one receiver.
    """

    terms: int = 1
    bits: float = BITS_OF_A_LETTER
    rounds: int = 1


def require_small(expression: Any) -> Any:
    """Return an expression that is simplified and evaluated in reasonable time.

    Args:
        expression: An expression of bounded numbers.

    Raises:
        ValueError: If it would have too many terms when multiplied out, values with too many digits, sums
            inside sums, or too many levels.
    """
    _size(expression, 0)
    return expression


def _size(node: Any, depth: int) -> _Size:
    """Return how large an expression can become, refusing what is too large on the way."""
    if depth > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} levels")
    if isinstance(node, sp.Number):
        return _Size(bits=max(1.0, math.log2(1 + abs(float(sp.N(node, 5))))) if node.is_finite else 1.0)
    parts = [_size(part, depth + 1) for part in node.args]
    terms = max((part.terms for part in parts), default=1)
    bits = max((part.bits for part in parts), default=BITS_OF_A_LETTER)
    rounds = max((part.rounds for part in parts), default=1)
    if isinstance(node, sp.Add):
        terms, bits = sum(part.terms for part in parts), bits + len(parts)
    elif isinstance(node, sp.Mul):
        terms, bits = math.prod(part.terms for part in parts), sum(part.bits for part in parts)
    elif isinstance(node, sp.Pow):
        base, exponent = parts
        bits = base.bits * 2 ** min(exponent.bits, 64)
        if node.exp.is_Integer:
            degree = min(abs(int(node.exp)), MOST_FORMULA_TERMS)
            terms = math.comb(degree + base.terms - 1, min(degree, base.terms - 1))
            bits = base.bits * degree
    elif isinstance(node, sp.factorial | sp.binomial):
        bits = bits * 2 ** min(bits, 64)
    elif isinstance(node, sp.Sum | sp.Product):
        for _, low, high in node.limits:
            span = int(high - low) + 1 if (high - low).is_Integer else USUAL_PLAYERS
            rounds *= max(span, 1)
        bits = bits * rounds if isinstance(node, sp.Product) else bits + math.log2(rounds)
    for count, most, what in (
        (terms, MOST_FORMULA_TERMS, "terms when it is multiplied out"),
        (bits, MOST_BITS, "binary digits"),
        (rounds, MOST_ROUNDS, "rounds of sums inside sums"),
    ):
        if count > most:
            raise ValueError(f"it may have more than {most:,} {what}")
    return _Size(terms, bits, rounds)

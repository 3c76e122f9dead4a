"""Shares of a term along a path of straight pieces, exactly: κ_i ∫ Π_j s_j^{κ_j} ds_i/s_i, eq. (64)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from taylorattr.aliases import MultiIndex

Polynomial = list[Fraction]
"""Coefficients by power of t."""


def path_shares(knots: Sequence[Sequence[Fraction]], kappa: MultiIndex) -> list[Fraction]:
    """Return the share of each player in the term κ along the path through the knots.

    Args:
        knots: Places s of the players, shape (K + 1, n); the path is straight from one to the next.
        kappa: κ ≠ 0.

    Returns:
        n shares; they add up to s(end)^κ − s(start)^κ.
    """
    shares = [Fraction(0)] * len(kappa)
    for start, end in zip(knots[:-1], knots[1:], strict=True):
        for i, power in enumerate(kappa):
            if not power or start[i] == end[i]:
                continue
            value: Polynomial = [Fraction(power) * (end[i] - start[i])]
            for j, exponent in enumerate(kappa):
                for _ in range(exponent - (j == i)):
                    value = _times(value, start[j], end[j] - start[j])
            shares[i] += sum((c / (k + 1) for k, c in enumerate(value)), Fraction(0))
    return shares


def _times(polynomial: Polynomial, constant: Fraction, slope: Fraction) -> Polynomial:
    """Return a polynomial times (constant + slope·t)."""
    found = [constant * c for c in polynomial] + [Fraction(0)]
    for k, c in enumerate(polynomial):
        found[k + 1] += slope * c
    return found

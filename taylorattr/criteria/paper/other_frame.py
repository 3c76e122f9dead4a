"""Ratios of a whole table in the other frame, eq. (9a), in exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np

from taylorattr.aliases import MultiIndex
from taylorattr.maths.frames import binomial, lower


def in_other_frame(kappas: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ) for every row.

    Args:
        kappas: Multi-indices, shape (M, n); with κ, every μ ≤ κ other than 0.
        ratios: w(κ), shape (M, R), ``Fraction`` entries.
    """
    shared = math.lcm(*(value.denominator for value in ratios.reshape(-1)))
    whole = np.array([int(value * shared) for value in ratios.reshape(-1)], dtype=object)
    moved = _coefficients(tuple(map(tuple, kappas.tolist()))) @ whole.reshape(ratios.shape)
    out = np.empty(ratios.shape, dtype=object)
    for position, value in np.ndenumerate(moved):
        out[position] = Fraction(int(value), shared)
    return out


@lru_cache(maxsize=16)
def _coefficients(kappas: tuple[MultiIndex, ...]) -> np.ndarray:
    """Return (−1)^{|μ|+1} C(κ, μ), shape (M, M)."""
    place = {kappa: row for row, kappa in enumerate(kappas)}
    table = np.zeros((len(kappas), len(kappas)), dtype=object)
    for kappa, row in place.items():
        for mu in lower(kappa):
            table[row, place[mu]] = (-1) ** (sum(mu) + 1) * binomial(kappa, mu)
    return table

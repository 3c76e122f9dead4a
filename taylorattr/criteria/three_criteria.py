"""The three criteria on a table of ratios w_i(κ), docs/theory.md §3.

Coverage (C1): every effect is given to somebody; at effect level also a sum of several terms, eq. (12). No
leak (C2): nobody gets an effect he has no part in, w_i(κ) = 0 whenever κ_i = 0. Completeness (C3): each
effect is handed out exactly once, Σ_i w_i(κ) = 1. Tables of ``Fraction`` are judged exactly; measured ones
are cleaned of noise before.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.receivers import PAIRS, PLAYERS, POSITIONS
from taylorattr.allocation.rule import AllocationRule

CONSTANT = -1
"""The row that stands for the constant I(0)."""


def has_part(rule: AllocationRule, kappas: np.ndarray, context: dict[str, Any]) -> np.ndarray:
    """Return whether each receiver has a part in each term, shape (M, R), bool.

    A player has one in the terms he is in the support of, a pair or coalition in those with all its members,
    a position where one of its cells is in the support.

    Args:
        rule: Says who receives.
        kappas: Multi-indices, shape (M, n).
        context: What the rule reads besides κ, such as which cells stand at which position.
    """
    inside = kappas > 0
    if rule.receivers is PLAYERS:
        return inside
    if rule.receivers is PAIRS:
        return (inside[:, :, None] & inside[:, None, :]).reshape(len(kappas), -1)
    values = rule.resolved(kappas.shape[1], context)
    if rule.receivers is POSITIONS:
        cells = np.asarray(values["c"], dtype=np.int64)
        return np.asarray(inside[:, cells].any(axis=1))
    members = np.asarray(rule.receivers.values(kappas.shape[1], values)["S"], dtype=bool)
    return np.asarray((members[None] <= inside[:, :, None]).all(axis=1))


def uncovered(ratios: np.ndarray) -> np.ndarray:
    """Return the rows in which nobody gets anything, shape (M,), bool."""
    return ~(ratios != 0).any(axis=1)


def cancelling(ratios: np.ndarray, constant: np.ndarray | None = None) -> dict[int, Fraction] | None:
    """Return effects of some terms of one support that add up to 1 and of which nobody gets anything.

    None if there are none: then Σ_κ I(κ) is a linear function of the scores, so an effect J(S) ≠ 0 always
    reaches somebody.

    Args:
        ratios: Rows w(κ) of terms with one support, shape (M, R), ``Fraction`` entries.
        constant: Shares of I(0), shape (R,), where the rule hands out a constant too: it can cancel what
            the terms give.

    Returns:
        Row -> I(κ), as few rows as there can be; `CONSTANT` -> I(0).
    """
    sums = ratios.sum(axis=1)
    if constant is None and sums[0] != 0 and (sums == sums[0]).all():
        return None  # what is handed out is a fixed multiple of the effect
    # the fewest terms first, so that the counterexample is one that a reader can follow
    for row in range(len(ratios)):
        if not any(ratios[row]):
            return {row: Fraction(1)}
    if constant is not None and any(constant):
        for row in range(len(ratios)):
            factor = _multiple(ratios[row], constant)
            if factor is not None:
                return {row: Fraction(1), CONSTANT: -factor}
    for one, two in itertools.combinations(range(len(ratios)), 2):
        part = _cancelling_pair(ratios[one], ratios[two])
        if part is not None:
            return {one: part, two: 1 - part}
    return None if len(ratios) + (constant is not None) <= 2 else _cancelling_rows(ratios, constant)


def _multiple(row: np.ndarray, constant: np.ndarray) -> Fraction | None:
    """Return t with row = t·constant, None if there is none."""
    first = int(np.flatnonzero(np.asarray(constant != 0, dtype=bool))[0])
    factor: Fraction = row[first] / constant[first]
    return factor if all(a == factor * b for a, b in zip(row, constant, strict=True)) else None


def _cancelling_pair(one: np.ndarray, two: np.ndarray) -> Fraction | None:
    """Return t with t·one + (1 − t)·two = 0, None if there is none."""
    difference = two - one
    moving = np.flatnonzero(np.asarray(difference != 0, dtype=bool))
    if not len(moving):
        return None
    numerator, denominator = two.item(moving[0]), difference.item(moving[0])
    t: Fraction = numerator / denominator
    return t if all(t * a + (1 - t) * b == 0 for a, b in zip(one, two, strict=True)) else None


def _cancelling_rows(ratios: np.ndarray, constant: np.ndarray | None) -> dict[int, Fraction] | None:
    """Return any combination of rows that vanishes while the terms add up to 1."""
    rows: Sequence[Any] = [*ratios] if constant is None else [*ratios, constant]
    for vector in _left_nullspace(tuple(map(tuple, rows))):
        whole = sum(vector[: len(ratios)], Fraction(0))
        if whole != 0:
            entries = enumerate(vector)
            return {row if row < len(ratios) else CONSTANT: v / whole for row, v in entries if v != 0}
    return None


@lru_cache(maxsize=1024)
def _left_nullspace(rows: tuple[tuple[Fraction, ...], ...]) -> list[tuple[Fraction, ...]]:
    """Return vectors v with Σ_r v_r row_r = 0 that span them all."""
    table: Any = sp.Matrix([[sp.Rational(v.numerator, v.denominator) for v in row] for row in rows])
    return [tuple(Fraction(int(v.p), int(v.q)) for v in vector) for vector in table.T.nullspace()]


def leaks(ratios: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return the rows in which somebody without a part gets something, shape (M,), bool.

    Args:
        ratios: w_i(κ), shape (M, R).
        parts: Who has a part, shape (M, R), bool.
    """
    return ((ratios != 0) & ~parts).any(axis=1)


def incomplete(ratios: np.ndarray) -> np.ndarray:
    """Return the rows whose ratios do not add up to 1, shape (M,), bool; exact for ``Fraction`` entries."""
    return np.asarray(ratios.sum(axis=1) != 1, dtype=bool)

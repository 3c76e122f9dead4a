"""Does a method give one answer? The first call again, and some rows in other batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.measured import Table
from taylorattr.criteria.audit.statistics import ratio, rms
from taylorattr.criteria.audit.subject import Bound

SMALL = 3
"""Rows of a small batch."""


@dataclass(frozen=True)
class Stability:
    """How far answers to the same rows differ, relative to their rms.

    Attributes:
        batch: δ: the same rows in batches of 3.
        repeat: The first call made again.
        third: A third call against the second; None where the second agreed with the first.
        tolerance: 10√ε: less is rounding, by other kernels and other batches.
    """

    batch: float
    repeat: float
    third: float | None
    tolerance: float

    @property
    def stateful(self) -> bool:
        """Whether only the first call differs."""
        return self.repeat > self.tolerance and self.third is not None and self.third <= self.tolerance

    @property
    def stochastic(self) -> bool:
        """Whether every call differs."""
        return self.repeat > self.tolerance and not self.stateful

    @property
    def per_example(self) -> bool:
        """Whether a row's scores do not depend on what else is in the batch."""
        return self.stochastic or self.batch <= self.tolerance


def stability(bound: Bound, table: Table, *, seed: int = 0) -> Stability:
    """Ask again for the first call's rows, and for some rows three at a time.

    Args:
        bound: The method.
        table: What it answered.
        seed: As it was asked then.

    Returns:
        The differences. Of a method that says it draws samples nothing is asked: it is repeated anyway. One
        of this package, whose draws are seeded, is not asked the same twice.
    """
    tolerance = 10 * float(np.sqrt(2 * table.eps))
    if table.drawn:
        return Stability(0.0, 0.0, None, tolerance)
    repeat, third = 0.0, None
    if table.first:
        first = table.rows[: table.first]
        second = bound.read(table.present[first], seed).players.T
        repeat = _difference(table.a[:, first], second, table.a)
        if repeat > tolerance:
            again = bound.read(table.present[first], seed).players.T
            third = _difference(second, again, table.a)
    some = np.random.default_rng(seed + 1).permutation(len(table.rows))[: bound.compared]
    parts = [some[k : k + SMALL] for k in range(0, len(some), SMALL)]
    small = np.concatenate([bound.read(table.present[part], seed).players for part in parts]).T
    batch = _difference(table.a[:, some], small, table.a)
    return Stability(batch, repeat, third, tolerance)


def _difference(one: np.ndarray, two: np.ndarray, all_: np.ndarray) -> float:
    """Return rms(one − two) over the rms of the larger of these and everything."""
    return ratio(rms(one - two), max(rms(one), rms(all_)))

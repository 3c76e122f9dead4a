"""Mean and standard error of draws that arrive in blocks."""

from __future__ import annotations

import math

import numpy as np


class RunningMean:
    """Mean of independent draws, with the standard error of that mean.

    Sums of draws and of their squares would be simpler, and lose every digit that mean² shares with the mean
    of squares; deviations from the mean of each block lose none.

    Source: Chan, Golub, LeVeque (1979): means and squared deviations of two blocks are merged exactly.
    """

    def __init__(self) -> None:
        """Start without draws."""
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self._squares: np.ndarray = np.zeros(())

    def add(self, draws: np.ndarray) -> None:
        """Take in draws along axis 0, shape (k, …)."""
        count = len(draws)
        if not count:
            return
        mean = draws.mean(axis=0)
        squares = ((draws - mean) ** 2).sum(axis=0)
        total = self.count + count
        difference = mean - self.mean
        self._squares = self._squares + squares + difference**2 * (self.count * count / total)
        self.mean = self.mean + difference * (count / total)
        self.count = total

    @property
    def error(self) -> np.ndarray:
        """Standard error of the mean; infinite with fewer than two draws."""
        if self.count < 2:
            return np.full(np.shape(self.mean), math.inf)
        return np.sqrt(self._squares / (self.count * (self.count - 1)))

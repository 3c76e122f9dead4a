"""Where the blocks of a flow stand: columns of blocks with room for a label each, all in one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GAP = 3.0
"""Points between two blocks."""


@dataclass(frozen=True)
class Stack:
    """A column of blocks.

    Attributes:
        tops: Upper edge of each block, downwards from 0, shape (r,).
        heights: Their heights, shape (r,).
    """

    tops: np.ndarray
    heights: np.ndarray

    @property
    def middles(self) -> np.ndarray:
        """Middle of each block, shape (r,)."""
        return self.tops + self.heights / 2


def scale(columns: Sequence[np.ndarray], pitch: float, room: float) -> float:
    """Return the largest number of points per unit with which every column of blocks fits.

    A block of height h takes max(h·scale + GAP, pitch) points, so that labels of one ``pitch`` never touch.

    Args:
        columns: Heights of the blocks of each column, in units of the output.
        pitch: Points that a label takes.
        room: Points from top to bottom; more than pitch times the longest column.

    Returns:
        The scale; 1 where every block is 0.
    """
    found = np.inf
    for heights in columns:
        largest = float(heights.max(initial=0.0))
        if largest == 0.0:
            continue
        low, high = 0.0, room / largest
        for _ in range(60):
            middle = (low + high) / 2
            fits = float(np.maximum(heights * middle + GAP, pitch).sum()) <= room
            low, high = (middle, high) if fits else (low, middle)
        found = min(found, low)
    return found if 0.0 < found < np.inf else 1.0


def stacked(heights: np.ndarray, pitch: float, room: float, unit: float) -> Stack:
    """Return the blocks below each other, spare room spread evenly, in units of the output.

    Args:
        heights: Heights of the blocks, in units of the output.
        pitch: Points that a label takes.
        room: Points from top to bottom.
        unit: Units of the output per point.
    """
    slots = np.maximum(heights + GAP * unit, pitch * unit)
    spare = max(room * unit - float(slots.sum()), 0.0) / len(slots)
    tops = np.concatenate([[0.0], np.cumsum(slots + spare)[:-1]]) + (slots + spare - heights) / 2
    return Stack(tops, heights)


def crossing_order(weights: np.ndarray) -> np.ndarray:
    """Return the columns in the order of the mean row that flows into them, shape (c,).

    Args:
        weights: Flow from each row to each column, shape (r, c), ≥ 0.
    """
    received = weights.sum(axis=0)
    rows = np.arange(len(weights))[:, None]
    means = (weights * rows).sum(axis=0) / np.where(received > 0, received, 1.0)
    return np.argsort(np.where(received > 0, means, np.inf), kind="stable")

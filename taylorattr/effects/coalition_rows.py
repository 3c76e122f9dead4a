"""Which coalitions are evaluated, and in which order, to fill a table of effects."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.maths.subsets import MAX_MASK_PLAYERS, count_up_to, masks_up_to, of_size


class CoalitionRows:
    """The coalitions whose outputs fill the columns of a table, made in blocks.

    In frame b column S needs v(S); in frame x it needs v(N∖S), eq. (8).

    Args:
        n: Number of players.
        max_order: None for the full table in bitmask order, k for |S| ≤ k by size.
        frame: ``baseline`` or ``input``.
    """

    def __init__(self, n: int, max_order: int | None, frame: Frame) -> None:
        """Enumerate the truncated coalitions; a full table is enumerated block by block."""
        self.n, self.max_order, self.frame = n, max_order, frame
        self.columns = 1 << n if max_order is None else count_up_to(n, max_order)
        self._masks: np.ndarray | None = None
        self._rows: list[np.ndarray] = []
        if max_order is not None and n <= MAX_MASK_PLAYERS:
            self._masks = masks_up_to(n, max_order)
        elif max_order is not None:
            self._rows = [of_size(n, s) for s in range(max_order + 1)]

    def block(self, start: int, stop: int) -> Tensor:
        """Return columns start … stop as bitmasks (R,), int64; beyond 62 players as a bool table (R, n)."""
        if self._rows:
            return self._table(start, stop)
        if self._masks is None:
            masks = torch.arange(start, stop, dtype=torch.int64)
        else:
            masks = torch.from_numpy(self._masks[start:stop])
        return (1 << self.n) - 1 - masks if self.frame == "input" else masks

    def from_(self, first: int) -> Callable[[int, int], Tensor]:
        """Return `block` of the columns from one on, which then is column 0."""
        return lambda start, stop: self.block(first + start, first + stop)

    def at(self, columns: list[int]) -> Tensor:
        """Return the coalitions of some columns; see :meth:`block`."""
        if self._rows:
            return torch.cat([self._table(column, column + 1) for column in columns])
        masks = torch.tensor(columns) if self._masks is None else torch.from_numpy(self._masks[columns])
        return (1 << self.n) - 1 - masks if self.frame == "input" else masks

    def _table(self, start: int, stop: int) -> Tensor:
        present = np.zeros((stop - start, self.n), dtype=bool)
        first = 0
        for s, rows in enumerate(self._rows):
            low, high = max(start, first), min(stop, first + len(rows))
            if low < high:
                np.put_along_axis(
                    present[low - start : high - start], rows[low - first : high - first], True, 1
                )
            first += math.comb(self.n, s)
        return torch.from_numpy(~present if self.frame == "input" else present)

"""An allocation reduced to the rows and columns of a picture, folding what has no place.

Folds add sizes, positive and negative parts and leaks apart, so that nothing cancels out of sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taylorattr.plot.shares import Shares


@dataclass(frozen=True)
class Ribbons:
    """An allocation reduced to the rows and columns of a picture; the last of each may be a fold.

    Attributes:
        values: Signed effect of each row; of the fold the sum, shape (r,).
        sizes: |I| of each row; of the fold Σ|I|, shape (r,).
        net: Σ_i A_i of each row, shape (r,).
        flows: Σ|A_i|, shape (2, 2, r, c); the first axis tells positive from negative shares, the second
            shares of players of the effect from those of others (leak).
        scores: Σ A_i of each column, shape (c,).
    """

    values: np.ndarray
    sizes: np.ndarray
    net: np.ndarray
    flows: np.ndarray
    scores: np.ndarray

    @property
    def given(self) -> np.ndarray:
        """Σ|A_i| of each row, shape (r,)."""
        return self.flows.sum(axis=(0, 1, 3))

    @property
    def received(self) -> np.ndarray:
        """Σ|A_i| of each column, shape (c,)."""
        return self.flows.sum(axis=(0, 1, 2))


def ribbons(
    table: Shares, rows: Sequence[int | None], columns: Sequence[int], fold: tuple[bool, bool]
) -> Ribbons:
    """Reduce an allocation to some rows and columns.

    Args:
        table: The allocation.
        rows: Rows shown; None for an effect the table does not hold, whose numbers are 0.
        columns: Columns shown.
        fold: Whether a last row, a last column, holds everything else.

    Returns:
        The reduced allocation; its flows sum to Σ|A| of the table where both folds are on.
    """
    held = [row for row in rows if row is not None]
    member = np.ones(table.matrix.shape, bool) if table.members is None else table.members
    other_rows = np.ones(len(table.values), bool)
    other_rows[held] = False
    other_columns = np.ones(table.matrix.shape[1], bool)
    other_columns[list(columns)] = False

    def picked(values: np.ndarray) -> list[float]:
        return [0.0 if row is None else float(values[row]) for row in rows]

    def by_rows(values: np.ndarray) -> np.ndarray:
        """Values (…, E, R) -> (…, r, R)."""
        taken = np.zeros((*values.shape[:-2], len(rows), values.shape[-1]))
        for place, row in enumerate(rows):
            if row is not None:
                taken[..., place, :] = values[..., row, :]
        if not fold[0]:
            return taken
        return np.concatenate([taken, values[..., other_rows, :].sum(axis=-2, keepdims=True)], axis=-2)

    signed = (np.maximum(table.matrix, 0.0), np.maximum(-table.matrix, 0.0))
    kinds = [[by_rows(np.where(member == inside, p, 0.0)) for inside in (True, False)] for p in signed]
    flows = np.array(kinds)  # (2, 2, r, R); one table of all shares at a time
    shown = flows[..., list(columns)]
    scores = table.matrix[:, list(columns)].sum(axis=0)
    if fold[1]:
        shown = np.concatenate([shown, flows[..., other_columns].sum(axis=-1, keepdims=True)], axis=-1)
        scores = np.append(scores, table.matrix[:, other_columns].sum())
    values, net = picked(table.values), picked(table.matrix.sum(axis=1))
    sizes = [abs(value) for value in values]
    if fold[0]:
        values.append(float(table.values[other_rows].sum()))
        sizes.append(float(np.abs(table.values[other_rows]).sum()))
        net.append(float(table.matrix[other_rows].sum()))
    return Ribbons(np.array(values), np.array(sizes), np.array(net), shown, scores)

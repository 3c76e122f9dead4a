"""Means, standard deviations and quantiles of columns that come in blocks of rows, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np


def mean_and_deviation(blocks: Iterable[np.ndarray]) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the number of rows, and mean and standard deviation (N − 1 in the denominator) of each column.

    Blocks are added by the formula of Chan, Golub & LeVeque (1979), which squares no large means.

    Args:
        blocks: Each (B, M).

    Returns:
        N; mean, shape (M,); deviation, likewise, NaN for one row.
    """
    count, mean, squares = 0, np.zeros(0), np.zeros(0)
    for block in blocks:
        rows = np.asarray(block, dtype=np.float64)
        own = rows.mean(axis=0)
        spread = ((rows - own) ** 2).sum(axis=0)
        if not count:
            count, mean, squares = len(rows), own, spread
            continue
        change, total = own - mean, count + len(rows)
        mean = mean + change * (len(rows) / total)
        squares = squares + spread + change**2 * (count * len(rows) / total)
        count = total
    with np.errstate(invalid="ignore", divide="ignore"):
        return count, mean, np.sqrt(squares / (count - 1))


def quantiles_of(
    blocks: Callable[[], Iterable[np.ndarray]],
    count: int,
    columns: int,
    levels: Sequence[float],
    entries: int,
) -> np.ndarray:
    """Return quantiles of each column, as ``numpy.quantile`` has them, shape (levels, M).

    The rows are passed over once for every ``entries / count`` columns: a quantile needs all of its column.

    Args:
        blocks: Returns the rows anew, in blocks (B, M).
        count: Number of rows N.
        columns: Number of columns M.
        levels: In [0, 1].
        entries: Numbers held at a time.
    """
    width = max(1, entries // max(count, 1))
    result = np.empty((len(levels), columns))
    for start in range(0, columns, width):
        part = np.concatenate([np.asarray(b[:, start : start + width], dtype=np.float64) for b in blocks()])
        result[:, start : start + width] = np.quantile(part, levels, axis=0)
    return result

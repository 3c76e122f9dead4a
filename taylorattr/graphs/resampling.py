"""Means under resampling: bootstrap over rows, and exchanges of rows between two sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from taylorattr.maths.bootstrap import bootstrap_means

CELLS = 1 << 19
"""Entries of one block of resampled means: 4 MiB."""


def _blocks(count: int, width: int) -> Iterator[int]:
    step = max(1, CELLS // max(1, width))
    return (min(step, count - start) for start in range(0, count, step))


def bootstrap_interval(
    rows: np.ndarray, level: float, count: int, seed: int, size: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentile interval of the mean of each column; the same draws serve all columns.

    Args:
        rows: Shape (B, P).
        level: Share of the resampled means between the two ends.
        count: Number of samples.
        seed: Of the draws.
        size: Whether the interval is that of |mean|.

    Returns:
        Lower and upper end, shape (P,) each.
    """
    width = rows.shape[1]
    ends = np.empty((2, width))
    step = max(1, CELLS // count)
    for start in range(0, width, step):
        means = bootstrap_means(rows[:, start : start + step], count, seed)
        means = np.abs(means) if size else means
        ends[:, start : start + step] = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0], ends[1]


def exchanged_distances(
    first: np.ndarray, second: np.ndarray, count: int, seed: int, paired: bool
) -> np.ndarray:
    """Return Σ|mean difference| of two sets whose rows change places at random.

    Args:
        first: Rows of one set, shape (A, P).
        second: Rows of the other, shape (B, P); B = A if paired.
        count: Number of exchanges R.
        seed: Of the exchanges.
        paired: Exchange row i of one set with row i of the other, each with probability ½; else deal all rows
            out anew.

    Returns:
        Shape (R,).
    """
    generator = np.random.default_rng(seed)
    pooled = first - second if paired else np.concatenate([first, second])
    a, b = len(first), len(second)
    labels = np.repeat([1 / a, -1 / b], [a, b])
    distances = []
    for block in _blocks(count, pooled.shape[1]):
        if paired:
            weights = generator.choice([-1 / a, 1 / a], size=(block, a))
        else:
            weights = generator.permuted(np.tile(labels, (block, 1)), axis=1)
        distances.append(np.abs(weights @ pooled).sum(1))
    return np.concatenate(distances)

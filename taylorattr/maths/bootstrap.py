"""Means of samples drawn with replacement."""

from __future__ import annotations

import numpy as np

CELLS = 1 << 19
"""Drawn counts held at a time: 4 MiB."""


def bootstrap_means(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the means of ``count`` samples of B rows drawn with replacement.

    Args:
        rows: Shape (B,) or (B, P).
        count: Number of samples R.
        seed: Of the draws.

    Returns:
        Shape (R,) or (R, P).
    """
    generator = np.random.default_rng(seed)
    size = len(rows)
    step = max(1, CELLS // size)
    found = []
    for start in range(0, count, step):
        drawn = generator.multinomial(size, np.full(size, 1 / size), size=min(step, count - start))
        found.append(drawn @ rows / size)
    return np.concatenate(found)

"""C2, no leak: nobody gets an effect he has no part in, w_i(κ) = 0 whenever κ_i = 0."""

from __future__ import annotations

import numpy as np


def leaks(ratios: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return the rows in which somebody without a part gets something, shape (M,), bool.

    Args:
        ratios: w_i(κ), shape (M, R).
        parts: Who has a part, shape (M, R), bool.
    """
    return ((ratios != 0) & ~parts).any(axis=1)

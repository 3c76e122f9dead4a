"""C3, complete: each effect is handed out exactly once, Σ_i w_i(κ) = 1."""

from __future__ import annotations

import numpy as np


def incomplete(ratios: np.ndarray) -> np.ndarray:
    """Return the rows whose ratios do not add up to 1, shape (M,), bool; exact for ``Fraction`` entries."""
    return np.asarray(ratios.sum(axis=1) != 1, dtype=bool)

"""Fitted numbers as short exact ones: what is reported, built and kept is the same number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

STEPS = 10**6
"""Numbers that add up to a whole are multiples of 1/STEPS."""

DIGITS = 6
"""Significant digits of other numbers."""


def shortened(values: Tensor) -> Tensor:
    """Return positive numbers to six significant digits."""
    return torch.tensor([float(f"{v:.{DIGITS}g}") for v in values.tolist()], dtype=torch.float64)


def on_grid(values: Tensor, total: int) -> Tensor:
    """Return numbers ≥ 0 as multiples of 10⁻⁶ that add up to a whole number exactly.

    Args:
        values: Shape (k,), ≥ 0, adding up to about `total`.
        total: What they add up to.
    """
    counts = np.floor(values.detach().numpy() * STEPS).astype(np.int64)
    missing = total * STEPS - int(counts.sum())
    rests = values.detach().numpy() * STEPS - counts
    order = np.argsort(-rests, kind="stable")
    counts[order[np.arange(abs(missing)) % len(order)]] += np.sign(missing)
    return torch.from_numpy(counts / STEPS)


def fractions_of(values: Sequence[float]) -> list[Fraction]:
    """Return decimal numbers as the fractions that they are written as."""
    return [Fraction(repr(float(value))) for value in values]

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


SHARES = 720_720
"""Shares of coalitions are multiples of 1/SHARES, which 1/2, 1/3, … 1/16 are."""


def counted_shares(shares: Tensor, members: Tensor) -> np.ndarray:
    """Return shares as whole numbers of 1/SHARES that add up to SHARES in every row.

    Args:
        shares: Shape (R, n), ≥ 0, each row adding up to about 1 over its members.
        members: Who may have a share, shape (R, n), 0 or 1; rows without members get nothing.

    Returns:
        Shape (R, n), int64: rounded down, and up where the rest is largest.
    """
    given, inside = shares.detach().numpy() * SHARES, members.numpy() > 0
    counts = np.where(inside, np.floor(given), 0).astype(np.int64)
    missing = SHARES - counts.sum(1, keepdims=True)
    rests = np.where(inside, given - counts, -np.inf)
    place = (-rests).argsort(1, kind="stable").argsort(1, kind="stable")
    return counts + (inside & (place < missing))


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

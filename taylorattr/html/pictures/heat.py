"""Scores of images as small pictures inside the page: one pixel per pixel, red positive, blue negative."""

from __future__ import annotations

import base64
import io

import numpy as np
from torch import Tensor

from taylorattr.plot.style import chosen

LEAST = 4
"""Pixels a side from which on a tensor is taken for an image."""


def planes(values: object, example: int) -> np.ndarray | None:
    """Return one example of image-shaped values, channels added up, shape (H, W); None for anything else.

    Args:
        values: A tensor (B, H, W), (B, 1, H, W) or (B, 3, H, W); something else is no image.
        example: Which example.
    """
    if not isinstance(values, Tensor) or values.ndim not in (3, 4) or example >= len(values):
        return None
    row = values[example].detach().cpu().double()
    if row.ndim == 3:
        if row.shape[0] not in (1, 3):
            return None
        row = row.sum(0)
    if min(row.shape) < LEAST:
        return None
    array = row.numpy()
    return array if np.isfinite(array).all() else None


def signed_picture(plane: np.ndarray) -> str:
    """Return a PNG as ``data:`` URI; the darkest red or blue is the largest size."""
    top = float(np.abs(plane).max()) or 1.0
    return _png(chosen().colour_map()(0.5 + 0.5 * plane / top))


def grey_picture(plane: np.ndarray) -> str:
    """Return a PNG as ``data:`` URI, the smallest value white and the largest black."""
    low, high = float(plane.min()), float(plane.max())
    level = 1 - (plane - low) / ((high - low) or 1.0)
    return _png(np.dstack([level] * 3))


def _png(colours: np.ndarray) -> str:
    from matplotlib.image import imsave  # loading matplotlib costs 0.3 s

    file = io.BytesIO()
    imsave(file, np.ascontiguousarray(colours), format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"

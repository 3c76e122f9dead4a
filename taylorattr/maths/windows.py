"""Windows sliding over an array, which elements they hold, and how window values become element scores.

A window never leaves the array: the last one along a dimension is cut at the border.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taylorattr.errors import OptionError


def starts(size: int, window: int, stride: int) -> np.ndarray:
    """Return where windows begin along one dimension: 0, stride, 2·stride, … until the end is covered."""
    return np.arange(1 + math.ceil((size - window) / stride)) * stride


@dataclass(frozen=True)
class SlidingWindows:
    """All windows of one shape over an array, in C order of their corners.

    Args:
        shape: Of the array.
        window: One size per dimension.
        stride: One step per dimension, at most the window's size, so that every element is covered.

    Raises:
        OptionError: If the numbers do not fit each other.
    """

    shape: tuple[int, ...]
    window: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check sizes against each other."""
        for what, sizes in (("window", self.window), ("stride", self.stride)):
            if len(sizes) != len(self.shape) or any(s < 1 for s in sizes):
                raise OptionError(
                    f"{what} {self.window if what == 'window' else self.stride} for an array of shape "
                    f"{self.shape}; expected one positive size for each of its {len(self.shape)} dimensions"
                )
        if any(w > s for w, s in zip(self.window, self.shape, strict=True)):
            raise OptionError(
                f"window {self.window} is larger than one example, shape {self.shape}; choose at most that "
                "in each dimension"
            )
        # where a window fills its dimension there is one position, and no step is ever made
        sizes = zip(self.shape, self.window, self.stride, strict=True)
        if any(step > window < size for size, window, step in sizes):
            raise OptionError(
                f"stride {self.stride} is larger than window {self.window}: the elements between two windows "
                "would never be looked at; choose a stride of at most the window"
            )

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of windows along each dimension."""
        sizes = zip(self.shape, self.window, self.stride, strict=True)
        return tuple(len(starts(size, window, stride)) for size, window, stride in sizes)

    def __len__(self) -> int:
        """Return the number of windows."""
        return math.prod(self.counts)

    def members(self, start: int, stop: int) -> np.ndarray:
        """Return which elements windows start … stop hold, shape (stop − start, *shape), bool."""
        corners = np.unravel_index(np.arange(start, stop), self.counts)
        contained = np.ones((stop - start, *(1,) * len(self.shape)), dtype=bool)
        for axis, corner in enumerate(corners):
            low = (corner * self.stride[axis])[:, None]
            position = np.arange(self.shape[axis])
            inside = (position >= low) & (position < low + self.window[axis])
            size, after = self.shape[axis], len(self.shape) - axis - 1
            # inside in every dimension: broadcast one axis at a time
            contained = contained & inside.reshape(len(inside), *(1,) * axis, size, *(1,) * after)
        return contained


def full_shape(size: int | Sequence[int], shape: Sequence[int], what: str) -> tuple[int, ...]:
    """Return a window or stride with one number per dimension.

    Args:
        size: One number for the last two dimensions (the last, if there is one only), or one for each of
            the last dimensions. Dimensions before those are taken whole, as the channels of an image are.
        shape: Of the array.
        what: Name of the option, for messages.

    Returns:
        One positive number per dimension.

    Raises:
        OptionError: If something is not a positive integer or there are too many numbers.
    """
    sizes = (size,) * min(len(shape), 2) if isinstance(size, int) else tuple(size)
    if any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in sizes) or len(sizes) > len(shape):
        raise OptionError(
            f"{what}={size!r} for inputs of shape {tuple(shape)} per example; expected a positive integer, "
            f"or up to {len(shape)} of them for the last dimensions"
        )
    return (*shape[: len(shape) - len(sizes)], *sizes)


def window_scores(
    members: np.ndarray, values: np.ndarray, cover: np.ndarray | None, sizes: np.ndarray
) -> np.ndarray:
    """Return Σ_W c_{W,i} d_W over the given windows for each element i, eq. (25).

    Args:
        members: Which elements each window holds, shape (W, n), bool.
        values: d_W = v(N) − v(N∖W), shape (…, W).
        cover: Number of windows that contain each element, of all there are, shape (n,):
            c_{W,i} = 1/cover_i, the average over the windows that contain i. None: c_{W,i} = 1/|W|, a
            window's value shared by its elements.
        sizes: |W|, shape (W,).

    Returns:
        Shape (…, n).
    """
    if cover is None:
        return (values / sizes) @ members.astype(values.dtype)
    return (values @ members.astype(values.dtype)) / np.maximum(cover, 1)

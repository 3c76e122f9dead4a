"""How alike two maps are: ranks with and without sign, structural similarity, oriented gradients."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation.objectives import agreement

Similarity: TypeAlias = Literal["spearman", "absolute", "ssim", "hog"]
"""How likeness is measured; see :func:`map_similarity`."""

SIMILARITIES: tuple[Similarity, ...] = ("spearman", "absolute", "ssim", "hog")
"""All of them."""

SSIM_WINDOW, SMALL_SSIM_WINDOW, SMALL_IMAGE = 5, 3, 11
"""Side of the window in pixels; on images with a side below the third number the second is used."""

K1, K2, SSIM_RANGE = 0.01, 0.03, 2.0
"""Constants of SSIM, and the range of values in maps divided by their largest magnitude."""

HOG_CELL, ORIENTATIONS, CELLS_PER_BLOCK = 16, 9, 3
"""Pixels of a cell's side, directions in half a turn, cells of a block's side at most."""

HOG_SMALLEST = 2 * HOG_CELL
"""Pixels of a side below which there is one cell and nothing to compare."""

HOG_CLIP, HOG_EPSILON = 0.2, 1e-5
"""Where normalised histograms are cut off, and what keeps the norm of an empty block from 0."""


def map_similarity(first: Tensor, second: Tensor, kind: Similarity = "spearman") -> Tensor:
    """Return how alike two maps are, example by example, in [−1, 1].

    - ``spearman``: correlation of the ranks of all values; ``absolute``: of their magnitudes.
    - ``ssim``: each map divided by its largest magnitude; the mean over all windows of
      (2μ₁μ₂ + C₁)(2σ₁₂ + C₂) / ((μ₁² + μ₂² + C₁)(σ₁² + σ₂² + C₂)), C₁ = (0.01·2)², C₂ = (0.03·2)², uniform
      windows of 5×5 (3×3 below 11 pixels, a choice of this package), sample variances.
    - ``hog``: Pearson correlation of :func:`oriented_gradients` of the maps divided by their largest
      magnitude.

    Args:
        first: Shape (B, H, W), or (B, n) for the first two.
        second: Likewise.
        kind: One of the four.

    Returns:
        Shape (B,), float64; NaN where one of the maps is constant, so that there is no such number.

    Raises:
        OptionError: If kind is unknown.
        ShapeError: If shapes differ, or the images are smaller than the window.

    Source: Adebayo et al. (2018), "Sanity checks for saliency maps", arXiv 1810.03292; Wang et al. (2004) for
    SSIM; Dalal and Triggs (2005) for the histograms.
    """
    if kind not in SIMILARITIES:
        raise OptionError(f"kind={kind!r}; it is one of {', '.join(SIMILARITIES)}")
    if first.shape != second.shape or first.ndim < 2:
        raise ShapeError(
            f"maps of shapes {tuple(first.shape)} and {tuple(second.shape)}; expected the same, (B, …)"
        )
    first, second = first.double(), second.double()
    if kind == "spearman":
        return agreement(first.flatten(1), second.flatten(1), "spearman")
    if kind == "absolute":
        return agreement(first.flatten(1).abs(), second.flatten(1).abs(), "spearman")
    reason = too_small(first.shape, kind)
    if reason:
        raise ShapeError(reason)
    constant = _constant(first) | _constant(second)
    first, second = _scaled(first), _scaled(second)
    alike = _ssim(first, second) if kind == "ssim" else _hog(first, second)
    return torch.where(constant, torch.nan, alike)


def too_small(shape: torch.Size, kind: Similarity) -> str:
    """Return why maps of this shape have no such similarity; empty where they have."""
    if kind not in ("ssim", "hog"):
        return ""
    if len(shape) != 3:
        return f"{kind} compares images (B, H, W); the maps have shape {tuple(shape)}"
    least = SMALL_SSIM_WINDOW if kind == "ssim" else HOG_SMALLEST
    if min(shape[1:]) < least:
        return f"{kind} needs images of at least {least}×{least} pixels; these have {shape[1]}×{shape[2]}"
    return ""


def oriented_gradients(images: Tensor) -> Tensor:
    """Return histograms of oriented gradients, one row per image.

    Differences of the two neighbours along rows and columns, 0 at the border; the magnitude of each pixel
    goes to one of 9 directions in [0°, 180°) of its cell of 16×16 pixels, divided by the pixels of a cell;
    every block of 3×3 neighbouring cells (2×2 where an image has no more) is divided by √(‖v‖² + 10⁻¹⁰), cut
    off at 0.2, and divided again.

    Args:
        images: Shape (B, H, W), sides of at least 32 pixels.

    Returns:
        Shape (B, blocks · cells of a block · 9), float64.
    """
    images = images.double()
    down, right = torch.zeros_like(images), torch.zeros_like(images)
    down[:, 1:-1] = images[:, 2:] - images[:, :-2]
    right[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    angle = torch.rad2deg(torch.atan2(down, right)) % 180
    # rounding can lift the remainder of −0 to 180 itself, which is the direction 0
    direction = (angle / (180 / ORIENTATIONS)).long() % ORIENTATIONS
    weights = torch.zeros(*images.shape, ORIENTATIONS, dtype=torch.float64)
    weights.scatter_(-1, direction[..., None], torch.hypot(down, right)[..., None])
    cells = avg_pool2d(
        weights.movedim(-1, 1), HOG_CELL
    )  # (B, 9, rows, columns), what is left over is cut off
    side = [min(CELLS_PER_BLOCK, n) for n in cells.shape[2:]]
    blocks = cells.unfold(2, side[0], 1).unfold(3, side[1], 1)  # (B, 9, R, C, side, side)
    blocks = blocks.permute(0, 2, 3, 4, 5, 1).flatten(3)
    blocks = (blocks / _block_norm(blocks)).clamp(max=HOG_CLIP)
    return (blocks / _block_norm(blocks)).flatten(1)


def _block_norm(blocks: Tensor) -> Tensor:
    return (blocks.square().sum(-1, keepdim=True) + HOG_EPSILON**2).sqrt()


def _hog(first: Tensor, second: Tensor) -> Tensor:
    return agreement(oriented_gradients(first), oriented_gradients(second), "pearson")


def _ssim(first: Tensor, second: Tensor) -> Tensor:
    side = SSIM_WINDOW if min(first.shape[1:]) >= SMALL_IMAGE else SMALL_SSIM_WINDOW
    unbiased = side**2 / (side**2 - 1)  # the mean of squares over a window, as a sample variance

    def mean(values: Tensor) -> Tensor:
        return avg_pool2d(values[:, None], side, stride=1)

    one, other = mean(first), mean(second)
    one_variance = unbiased * (mean(first * first) - one * one)
    other_variance = unbiased * (mean(second * second) - other * other)
    covariance = unbiased * (mean(first * second) - one * other)
    c1, c2 = (K1 * SSIM_RANGE) ** 2, (K2 * SSIM_RANGE) ** 2
    above = (2 * one * other + c1) * (2 * covariance + c2)
    below = (one * one + other * other + c1) * (one_variance + other_variance + c2)
    return (above / below).flatten(1).mean(1)


def _constant(maps: Tensor) -> Tensor:
    flat = maps.flatten(1)
    return (flat == flat[:, :1]).all(1)


def _scaled(maps: Tensor) -> Tensor:
    """Return maps divided by their largest magnitude; zeros stay."""
    largest = maps.flatten(1).abs().amax(1)
    return maps / torch.where(largest > 0, largest, 1.0).reshape(-1, *[1] * (maps.ndim - 1))


def constant_maps(maps: Tensor) -> int:
    """Return how many maps hold one number only."""
    return int(_constant(maps).sum()) if math.prod(maps.shape[1:]) else len(maps)

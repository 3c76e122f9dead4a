"""What stands in for what is removed: mean, zero, draws from a range, a blurred image, a tensor."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import TypeAlias

import torch
from torch import Tensor

from taylorattr.aliases import Baselines, Tensors
from taylorattr.analysis.inputs import baseline_tuple, input_tuple
from taylorattr.errors import DtypeError, OptionError, ShapeError, require_repetitions

Fill: TypeAlias = str | Baselines
"""``mean``, ``zero``, ``uniform``, ``blur``, or what ``baselines=`` accepts elsewhere."""

FILLS = ("mean", "zero", "uniform", "blur")
"""Names that ``fill`` can have."""


def replacements(
    fill: Fill,
    inputs: tuple[Tensor, ...],
    *,
    reference: Tensors | None = None,
    channel_dim: int = 1,
    fill_range: tuple[float, float] | None = None,
    blur_sigma: float | None = None,
    repeats: int = 10,
    seed: int = 0,
) -> Iterator[tuple[Tensor, ...]]:
    """Yield tensors shaped like the inputs from which removed elements are taken: one, or several draws.

    - ``mean``: of each channel over the reference set, all its examples and positions.
    - ``zero``: 0.
    - ``uniform``: independent draws from U[low, high] for every element, ``repeats`` times; the range is
      ``fill_range``, else that of each channel over the reference set.
    - ``blur``: the input itself under a Gaussian of ``blur_sigma`` pixels in its last two dimensions, weights
      renormalised at the border, so that a constant image stays as it is.

    A channel is an entry of ``channel_dim``: a column of tables, a colour of images; -1 for embeddings.

    Args:
        fill: One of these, or a number, tensor (1, …) or (B, …), or tuple of these.
        inputs: Tensors (B, …).
        reference: Set (R, …), or tuple of them; None: the inputs themselves.
        channel_dim: Dimension with a mean and a range for each entry.
        fill_range: Of ``uniform``.
        blur_sigma: None: an eighth of the shorter side.
        repeats: Number of draws of ``uniform``.
        seed: Of the draws; the global generators are left alone.

    Yields:
        Tensors (B, …) or expanded to that, in the dtypes of the inputs.

    Raises:
        OptionError: Unknown name, an empty range, repeats below 1, or a mean that is the only input itself.
        DtypeError: If integer inputs are to be filled with what is not integer.
        ShapeError: If reference or fill do not fit the inputs, or an input to be blurred is no image.
        NonFiniteError: NaN or infinity in fill or reference.
    """
    if not isinstance(fill, str):
        yield baseline_tuple(fill, inputs)
        return
    if fill not in FILLS:
        raise OptionError(
            f"fill={fill!r}; it is one of {', '.join(FILLS)}, or a number or tensor to replace with"
        )
    if fill == "zero":
        yield tuple(torch.zeros_like(x) for x in inputs)
        return
    if not all(x.is_floating_point() for x in inputs):
        raise DtypeError(
            f"fill={fill!r} needs floating-point inputs; for token ids give the id that stands for nothing, "
            "for instance fill=pad_id"
        )
    if fill == "blur":
        yield tuple(blurred(x, blur_sigma) for x in inputs)
        return
    channels = [
        _channels(x, r, channel_dim) for x, r in zip(inputs, _reference(reference, inputs), strict=True)
    ]
    if fill == "mean":
        if reference is None and len(inputs[0]) == 1 and any(c.shape[1] == 1 for c in channels):
            raise OptionError(
                "fill='mean' of one example is the example itself; pass reference= (for instance the "
                "training set), or more examples"
            )
        yield tuple(_laid(c.mean(1), x, channel_dim) for c, x in zip(channels, inputs, strict=True))
        return
    require_repetitions("repeats", repeats)
    ends = [_range(c, x, channel_dim, fill_range) for c, x in zip(channels, inputs, strict=True)]
    # drawn on the CPU in float64: the same numbers on every device and in every dtype
    generator = torch.Generator().manual_seed(seed)
    for _ in range(repeats):
        yield tuple(
            low + (high - low) * torch.rand(x.shape, generator=generator, dtype=torch.float64).to(x)
            for x, (low, high) in zip(inputs, ends, strict=True)
        )


def blurred(image: Tensor, sigma: float | None = None) -> Tensor:
    """Return images (B, …, H, W) under a Gaussian of sigma pixels, its weights renormalised at the border.

    Args:
        image: Shape (B, …, H, W).
        sigma: Standard deviation in pixels; None: min(H, W)/8.

    Raises:
        ShapeError: If there are no two spatial dimensions.
        OptionError: If sigma is not positive.
    """
    if image.ndim < 3:
        raise ShapeError(f"fill='blur' needs images (B, …, H, W); the input has shape {tuple(image.shape)}")
    sigma = min(image.shape[-2:]) / 8 if sigma is None else sigma
    if not sigma > 0:
        raise OptionError(f"blur_sigma={sigma!r}; expected a positive number of pixels")
    for dim in (-2, -1):  # a Gaussian is a product: rows, then columns
        pixel = torch.arange(image.shape[dim], dtype=torch.float64)
        weight = (-((pixel[:, None] - pixel) ** 2) / (2 * sigma**2)).exp()
        # rows add up to 1 at the border, too, so that a constant image stays constant
        weight = (weight / weight.sum(1, keepdim=True)).to(image)
        image = torch.einsum("ij,...jk->...ik" if dim == -2 else "ij,...kj->...ki", weight, image)
    return image


def _reference(reference: Tensors | None, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the reference set in the dtypes of the inputs; the inputs themselves where there is none."""
    if reference is None:
        return inputs
    rows = input_tuple(reference)
    if [r.shape[1:] for r in rows] != [x.shape[1:] for x in inputs]:
        raise ShapeError(
            f"reference has examples of shape {[tuple(r.shape[1:]) for r in rows]}, the inputs "
            f"{[tuple(x.shape[1:]) for x in inputs]}; expected the same"
        )
    return tuple(r.detach().to(x) for r, x in zip(rows, inputs, strict=True))


def _channels(x: Tensor, rows: Tensor, dim: int) -> Tensor:
    """Return the reference values of each channel, shape (C, values)."""
    if x.ndim == 1:
        return rows[None]
    if not isinstance(dim, numbers.Integral) or not -x.ndim < dim < x.ndim or dim == 0:
        raise OptionError(
            f"channel_dim={dim!r}; inputs of shape {tuple(x.shape)} take 1 … {x.ndim - 1} or −1"
        )
    return rows.movedim(dim, 0).flatten(1)


def _laid(channel: Tensor, x: Tensor, dim: int) -> Tensor:
    """Return a number per channel (C,) where the inputs have that channel."""
    shape = [1] * x.ndim
    shape[dim if x.ndim > 1 else 0] = -1
    return channel.reshape(shape).expand(x.shape)


def _range(
    values: Tensor, x: Tensor, dim: int, fill_range: tuple[float, float] | None
) -> tuple[Tensor | float, Tensor | float]:
    """Return the ends between which an input is drawn: those asked for, or each channel's own."""
    if fill_range is None:
        return _laid(values.amin(1), x, dim), _laid(values.amax(1), x, dim)
    low, high = fill_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"fill_range={fill_range!r}; expected (low, high) with low < high")
    return low, high

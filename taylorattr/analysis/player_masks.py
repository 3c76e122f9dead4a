"""Masks of players: one number per element, spread over the dimensions that a mask leaves out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.errors import PlayerError


def masks_in(players: Any) -> tuple[Tensor, ...] | None:
    """Return the masks that were given as players, one per input tensor; None where they are no masks.

    Raises:
        PlayerError: If a mask does not hold integers.
    """
    parts = players if isinstance(players, tuple) else (players,)
    if not parts or not all(isinstance(part, (Tensor, np.ndarray)) for part in parts):
        return None
    return tuple(map(integer_mask, parts))


def integer_mask(mask: Any) -> Tensor:
    """Return a mask as an int64 tensor on the CPU.

    Args:
        mask: Tensor or numpy array of integers ≥ −1, or of booleans (two players).

    Raises:
        PlayerError: If it is neither, or holds a number below −1.
    """
    if isinstance(mask, np.ndarray) and mask.dtype.kind in "biu":
        # by way of numpy, because torch has no uint16, uint32 and none of foreign byte orders
        mask = torch.from_numpy(np.ascontiguousarray(mask).astype(np.int64))
    if not isinstance(mask, Tensor) or mask.is_floating_point() or mask.is_complex() or mask.is_quantized:
        raise PlayerError(
            f"a player mask must be an integer tensor or numpy array, the number of each element's player; "
            f"given {describe(mask)}"
            + ("; if it holds whole numbers, pass mask.long()" if isinstance(mask, Tensor) else "")
        )
    if mask.layout != torch.strided or mask.device.type == "meta":
        raise PlayerError(
            f"a player mask must be a dense tensor; given {describe(mask)} ({mask.layout} on {mask.device}): "
            "pass mask.to_dense()"
        )
    mask = mask.detach().cpu().to(torch.int64)
    if mask.numel() and int(mask.min()) < -1:
        raise PlayerError(
            f"a player mask holds {int(mask.min())}; expected numbers ≥ 0, or −1 for unnamed elements"
        )
    return mask


def spread_masks(masks: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return masks with the shape of one example of each input tensor.

    Sizes are compared from the right, as numpy does: for images (B, C, H, W), a mask (H, W) moves all
    channels of a pixel together and a mask (C, 1, 1) all pixels of a channel. A leading dimension of size 1,
    or of size B where all rows are equal, stands for the batch.

    Args:
        masks: Integer masks, one per input tensor.
        inputs: Tensors (B, …).

    Raises:
        PlayerError: If there is not one mask per input tensor, one does not fit, or its rows differ.
    """
    if len(masks) != len(inputs):
        raise PlayerError(
            f"{len(masks)} player masks for {len(inputs)} input tensors; expected a tuple with one for each"
        )
    return tuple(
        _spread(mask, x, f"player mask {i}" if len(inputs) > 1 else "player mask")
        for i, (mask, x) in enumerate(zip(masks, inputs, strict=True))
    )


def _spread(mask: Tensor, x: Tensor, name: str) -> Tensor:
    """Return one mask with the shape of one example of x (B, …)."""
    shape = tuple(x.shape[1:])
    one = mask
    if mask.ndim == x.ndim and len(mask) == 1:
        one = mask[0]
    elif mask.ndim == x.ndim and len(mask) == len(x):
        differing = (mask != mask[:1]).flatten(1).any(1).nonzero()
        if len(differing):
            raise PlayerError(
                f"{name} of shape {tuple(mask.shape)} has one mask for each of the {len(x)} examples, and "
                f"that of example {int(differing[0])} differs from that of example 0; players are the same "
                f"in all examples: call example by example, with inputs[i:i+1] and mask[i]"
            )
        one = mask[0]
    if (mask.ndim == 0 and shape) or one.ndim > len(shape):
        raise PlayerError(_misfit(mask, x, name))
    try:
        return torch.broadcast_to(one, shape)
    except RuntimeError:
        raise PlayerError(_misfit(mask, x, name)) from None


def _misfit(mask: Tensor, x: Tensor, name: str) -> str:
    """Return why a mask does not fit, with the shapes that would."""
    shape = tuple(x.shape[1:])
    text = f"{name} has shape {tuple(mask.shape)}; expected one example's shape {shape}"
    if len(shape) > 1:
        whole = (shape[0],) + (1,) * (len(shape) - 1)
        text += (
            f", or one that broadcasts to it: {shape[1:]} moves all {shape[0]} entries of the first "
            f"dimension together, {whole} moves each of them as a whole"
        )
    sizes = tuple(mask.shape)
    if sizes and sizes == shape[: len(sizes)]:
        index = "..., " + ", ".join(["None"] * (len(shape) - len(sizes)))
        return f"{text}. For players along the leading dimensions pass mask[{index}]"
    if math.prod(sizes) == math.prod(shape):
        return f"{text}. It has as many elements: mask.reshape({shape}), if they lie in this order"
    return text


def describe(value: Any) -> str:
    """Return what a value is, with dtype and shape where it has them."""
    if isinstance(value, (Tensor, np.ndarray)):
        kind = "tensor" if isinstance(value, Tensor) else "numpy array"
        return f"a {value.dtype} {kind} of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"

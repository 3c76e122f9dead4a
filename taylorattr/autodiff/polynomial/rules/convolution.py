"""Convolution with constant weights: coefficients and examples fold into the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Builder, Slot, rule
from taylorattr.autodiff.polynomial.rules.shapes import LEAD


@rule("convolution", "_convolution")
def convolution(
    b: Builder,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    *_: Any,
) -> Slot:
    """Convolution or transposed convolution in 1 to 3 dimensions."""
    if isinstance(weight, Slot):
        return _active_weight(b, x, weight, bias, stride, padding, dilation, transposed, groups)
    settings = (stride, padding, dilation, transposed, output_padding, groups)
    shape = x.shape

    def run(block: Tensor) -> Tensor:
        flat = block.reshape(-1, *shape[1:])
        return torch.convolution(flat, weight, None, *settings).unflatten(0, (*block.shape[:LEAD], shape[0]))

    def pull(block: Tensor, _: Any) -> list[Tensor | None]:
        flat = block.flatten(0, LEAD)
        like = flat.new_empty(()).expand(len(flat), *shape[1:])  # of the input only its shape is asked
        grad = torch.ops.aten.convolution_backward(flat, like, weight, None, *settings, (True, False, False))[
            0
        ]
        return [grad.unflatten(0, (*block.shape[:LEAD], shape[0]))]

    out = b.linear([x], lambda blocks, _: run(blocks[0]), pull=pull)
    if bias is None:
        return out
    spatial = len(shape) - 2
    return b("add.Tensor", out, b("reshape", bias, [-1, *[1] * spatial]))


def _active_weight(
    b: Builder,
    x: Any,
    weight: Slot,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    groups: int,
) -> Slot:
    """Return a convolution with weights that depend on the inputs: unfolded patches times the weights.

    Raises:
        MissingRuleError: If it is not two-dimensional, or has groups.
    """
    if transposed or groups != 1 or len(weight.shape) != 4:
        raise b.refuse("weights that depend on the inputs are covered in two dimensions without groups only")
    count, _, *kernel = weight.shape
    sizes = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(x.shape[2:], padding, dilation, kernel, stride, strict=True)
    ]
    patches = b("im2col", x, kernel, list(dilation), list(padding), list(stride))
    flat = b("expand", b("view", weight, [1, count, -1]), [x.shape[0], count, patches.shape[1]])
    out = b("view", b("bmm", flat, patches), [x.shape[0], count, *sizes])
    return out if bias is None else b("add.Tensor", out, b("reshape", bias, [-1, 1, 1]))


@rule("conv1d", "conv2d", "conv3d")
def conv(
    b: Builder,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Slot:
    """The composite forms, where a program keeps them."""
    spatial = len(x.shape) - 2
    stride, padding, dilation = (_each(v, spatial) for v in (stride, padding, dilation))
    return convolution(b, x, weight, bias, stride, padding, dilation, False, [0] * spatial, groups)


def _each(value: Any, count: int) -> list[int]:
    """Return a setting as one number per spatial dimension."""
    return [value] * count if isinstance(value, int) else list(value) * (count if len(value) == 1 else 1)

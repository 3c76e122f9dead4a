"""Normalisation layers from means, products and powers; never the fused kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from taylorattr.autodiff.polynomial.builder import Builder, Slot, rule


def normalised(
    b: Builder, x: Slot, dims: Sequence[int], eps: float, *, centre: bool = True
) -> tuple[Slot, Any, Slot]:
    """Return (x − mean)·(variance + eps)^{−1/2} over dims, the mean and the scale.

    Without centring there is no mean, and the variance is the mean square.
    """
    mean = b("mean.dim", x, list(dims), True) if centre else None
    centred = b("sub.Tensor", x, mean) if centre else x
    variance = b("mean.dim", b("square", centred), list(dims), True)
    scale = b("rsqrt", b("add.Scalar", variance, eps))
    return b("mul.Tensor", centred, scale), mean, scale


def _affine(b: Builder, x: Slot, weight: Any, bias: Any) -> Slot:
    """Add y = weight·x + bias; either may be None."""
    if weight is not None:
        x = b("mul.Tensor", x, weight)
    return x if bias is None else b("add.Tensor", x, bias)


@rule("native_layer_norm")
def layer_norm(
    b: Builder, x: Slot, shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> tuple[Slot, Slot, Slot]:
    """LayerNorm over the last dimensions."""
    out, mean, scale = normalised(b, x, range(x.ndim - len(shape), x.ndim), eps)
    return _affine(b, out, weight, bias), mean, scale


@rule("_fused_rms_norm")
def rms_norm(b: Builder, x: Slot, shape: Sequence[int], weight: Any, eps: float | None) -> tuple[Slot, Slot]:
    """RMSNorm over the last dimensions."""
    eps = torch.finfo(x.value.dtype).eps if eps is None else eps
    out, _, scale = normalised(b, x, range(x.ndim - len(shape), x.ndim), eps, centre=False)
    return _affine(b, out, weight, None), scale


@rule("rms_norm")
def rms_norm_composite(
    b: Builder, x: Slot, shape: Sequence[int], weight: Any = None, eps: float | None = None
) -> Slot:
    """RMSNorm where a program keeps the composite."""
    return rms_norm(b, x, shape, weight, eps)[0]


@rule("native_group_norm")
def group_norm(
    b: Builder, x: Slot, weight: Any, bias: Any, n: int, c: int, hw: int, groups: int, eps: float
) -> tuple[Slot, Slot, Slot]:
    """GroupNorm."""
    grouped = b("view", x, [n, groups, c // groups * hw])
    out, mean, scale = normalised(b, grouped, [2], eps)
    channels = [1, c, *[1] * (x.ndim - 2)]
    weight, bias = (None if t is None else b("view", t, channels) for t in (weight, bias))
    out = _affine(b, b("view", out, list(x.shape)), weight, bias)
    return out, b("view", mean, [n, groups]), b("view", scale, [n, groups])


@rule("native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update_functional")
def batch_norm(
    b: Builder,
    x: Slot,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, ...]:
    """BatchNorm: affine with running statistics, a normalisation with batch statistics (instance norm)."""
    channels = [1, -1, *[1] * (x.ndim - 2)]
    weight, bias = (None if t is None else b("reshape", t, channels) for t in (weight, bias))
    if training:
        out, batch_mean, scale = normalised(b, x, [d for d in range(x.ndim) if d != 1], eps)
        return _affine(b, out, weight, bias), batch_mean, scale
    # constants are merged, so that one product and one sum are left; a weight that moves stays apart
    factor = torch.rsqrt(variance + eps).reshape(channels)
    offset = -mean.reshape(channels) * factor
    if isinstance(weight, torch.Tensor):
        factor, offset, weight = factor * weight, offset * weight, None
    if isinstance(bias, torch.Tensor) and weight is None:
        offset, bias = offset + bias, None
    out = b("add.Tensor", b("mul.Tensor", x, factor), offset)
    return _affine(b, out, weight, bias), None, None


@rule("_native_batch_norm_legit_no_training")
def batch_norm_eval(
    b: Builder, x: Slot, weight: Any, bias: Any, mean: Any, variance: Any, momentum: float, eps: float
) -> tuple[Any, ...]:
    """BatchNorm with running statistics."""
    return batch_norm(b, x, weight, bias, mean, variance, False, momentum, eps)


@rule("_native_batch_norm_legit.no_stats")
def batch_norm_no_stats(
    b: Builder, x: Slot, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    """BatchNorm with batch statistics."""
    return batch_norm(b, x, weight, bias, None, None, True, momentum, eps)

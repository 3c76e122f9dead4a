"""Variances, norms, products, softmax and logarithms of sums, from simpler operations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from taylorattr.autodiff.polynomial.builder import Builder, Slot, rule
from taylorattr.autodiff.polynomial.rules.shapes import LEAD
from taylorattr.autodiff.polynomial.series import Series, SeriesFunction


def _dims(x: Slot, dim: Any) -> list[int]:
    """Return the dimensions that an argument names, counted from the front; None and () name all."""
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return list(range(x.ndim))
    return [d % x.ndim for d in ([dim] if isinstance(dim, int) else dim)] if x.ndim else []


def shifted_exponential(b: Builder, x: Slot, dims: Sequence[int]) -> tuple[Slot, Slot, Slot]:
    """Return x − m, e^{x−m} and the shift m = max x_0, which keeps e^{x−m} from overflowing.

    What is computed of them does not depend on m, so that it may be a constant at no loss.
    """
    shift = b.frozen([x], lambda points: _finite_max(points[0], dims))
    centred = b("sub.Tensor", x, shift)
    return centred, b("exp", centred), shift


def _finite_max(point: torch.Tensor, dims: Sequence[int]) -> torch.Tensor:
    """Return the largest entry over dimensions; 0 where it is infinite, since ∞ − ∞ is NaN."""
    largest = point.amax([d + LEAD for d in dims], keepdim=True)
    return torch.where(torch.isfinite(largest), largest, 0.0)


@rule("_softmax", "softmax.int", "special_softmax")
def softmax(b: Builder, x: Slot, dim: int, *_: Any) -> Slot:
    """e^{x−m}/Σ e^{x−m}."""
    dims = _dims(x, dim)
    exponentials = shifted_exponential(b, x, dims)[1]
    total = b("reciprocal", b("sum.dim_IntList", exponentials, dims, True))
    return b("mul.Tensor", exponentials, total)


@rule("_safe_softmax")
def safe_softmax(b: Builder, x: Slot, dim: int, dtype: Any = None) -> Slot:
    """Softmax; rows that are masked entirely give zeros."""
    dims = _dims(x, dim)
    masked = b.frozen([x], lambda points: torch.isneginf(points[0]).all(dims[0] + LEAD, keepdim=True))
    if not bool(masked.value.any()):
        return softmax(b, x, dim)
    zeros = torch.zeros(x.shape, dtype=x.value.dtype, device=x.value.device)
    return b("where.self", masked, zeros, softmax(b, b("where.self", masked, zeros, x), dim))


@rule("_log_softmax", "log_softmax.int", "special_log_softmax")
def log_softmax(b: Builder, x: Slot, dim: int, *_: Any) -> Slot:
    """x − m − log Σ e^{x−m}."""
    dims = _dims(x, dim)
    centred, exponentials = shifted_exponential(b, x, dims)[:2]
    return b("sub.Tensor", centred, b("log", b("sum.dim_IntList", exponentials, dims, True)))


@rule("logsumexp", "special_logsumexp")
def logsumexp(b: Builder, x: Slot, dim: Any, keepdim: bool = False) -> Slot:
    """m + log Σ e^{x−m}."""
    dims = _dims(x, dim)
    exponentials, shift = shifted_exponential(b, x, dims)[1:]
    out = b("add.Tensor", b("log", b("sum.dim_IntList", exponentials, dims, True)), shift)
    return out if keepdim else b("squeeze.dims", out, dims)


@rule("logaddexp")
def logaddexp(b: Builder, x: Any, y: Any) -> Slot:
    """log(e^x + e^y) = y + softplus(x − y)."""
    # softplus is never cut to a straight line: its threshold would leave a step in the coefficients
    return b("add.Tensor", b("softplus", b("sub.Tensor", x, y), 1, float("inf")), y)


@rule("var_mean.correction")
def var_mean(
    b: Builder, x: Slot, dim: Any = None, *, correction: float | None = 1, keepdim: bool = False
) -> tuple[Slot, Slot]:
    """Variance and mean."""
    dims = _dims(x, dim)
    count = math.prod(x.shape[d] for d in dims)
    mean = b("mean.dim", x, dims, True)
    squares = b("sum.dim_IntList", b("square", b("sub.Tensor", x, mean)), dims, True)
    variance = b("div.Scalar", squares, max(0.0, count - (1 if correction is None else correction)))
    if keepdim or not dims:
        return variance, mean
    return b("squeeze.dims", variance, dims), b("squeeze.dims", mean, dims)


@rule("var.correction")
def var(b: Builder, x: Slot, dim: Any = None, **options: Any) -> Slot:
    """Variance."""
    return var_mean(b, x, dim, **options)[0]


@rule("std.correction")
def std(b: Builder, x: Slot, dim: Any = None, **options: Any) -> Slot:
    """Standard deviation."""
    return b("sqrt", var(b, x, dim, **options))


@rule("std_mean.correction")
def std_mean(b: Builder, x: Slot, dim: Any = None, **options: Any) -> tuple[Slot, Slot]:
    """Standard deviation and mean."""
    variance, mean = var_mean(b, x, dim, **options)
    return b("sqrt", variance), mean


@rule("linalg_vector_norm")
def vector_norm(
    b: Builder, x: Slot, ord: float = 2, dim: Any = None, keepdim: bool = False, **_: Any
) -> Slot:
    """(Σ |x|^p)^{1/p}; p = 1, ±∞ on the branch of degree 0."""
    dims = _dims(x, dim)
    if ord in (float("inf"), float("-inf")):
        return b("amax" if ord > 0 else "amin", b("abs", x), dims, keepdim)
    if ord == 0:
        raise b.refuse("the number of non-zero entries has no derivative")
    if ord == 1:
        return b("sum.dim_IntList", b("abs", x), dims, keepdim)
    powers = b("square", x) if ord == 2 else b("pow.Tensor_Scalar", x if ord % 2 == 0 else b("abs", x), ord)
    return b("pow.Tensor_Scalar", b("sum.dim_IntList", powers, dims, keepdim), 1 / ord)


@rule("norm.ScalarOpt_dim", "norm.Scalar")
def norm(b: Builder, x: Slot, p: float | None = 2, dim: Any = None, keepdim: bool = False) -> Slot:
    """Vector norm."""
    return vector_norm(b, x, 2 if p is None else p, dim, keepdim)


@rule("prod.dim_int")
def prod_dim(b: Builder, x: Slot, dim: int, keepdim: bool = False, **_: Any) -> Slot:
    """Product along a dimension, by halves; zeros are no obstacle."""
    dim %= max(x.ndim, 1)
    while x.shape[dim] > 1:
        half = x.shape[dim] // 2
        paired = b(
            "mul.Tensor", b("slice.Tensor", x, dim, 0, half), b("slice.Tensor", x, dim, half, 2 * half)
        )
        rest = [b("slice.Tensor", x, dim, 2 * half, x.shape[dim])] if x.shape[dim] % 2 else []
        x = b("cat", [paired, *rest], dim) if rest else paired
    return x if keepdim else b("squeeze.dim", x, dim)


@rule("prod")
def prod(b: Builder, x: Slot, **_: Any) -> Slot:
    """Product of all entries."""
    return prod_dim(b, b("view", x, [-1]), 0) if x.ndim else x


@rule("cumprod")
def cumprod(b: Builder, x: Slot, dim: int, **_: Any) -> Slot:
    """Running products along a dimension."""
    parts = [b("narrow", x, dim, 0, 1)]
    for i in range(1, x.shape[dim]):
        parts.append(b("mul.Tensor", parts[-1], b("narrow", x, dim, i, 1)))
    return b("cat", parts, dim)


def _reduced(b: Builder, losses: Slot, reduction: int) -> Slot:
    """Return a loss as ATen's number for its reduction says: 0 none, 1 mean, 2 sum."""
    return losses if reduction == 0 else b("mean" if reduction == 1 else "sum", losses)


@rule("mse_loss")
def mse_loss(b: Builder, x: Any, y: Any, reduction: int = 1) -> Slot:
    """(x − y)²."""
    return _reduced(b, b("square", b("sub.Tensor", x, y)), reduction)


def _quadratic_within(width: float) -> SeriesFunction:
    """Return the series of d²/(2·width) for |d| < width, |d| − width/2 beyond: Huber's loss over width."""

    def series(d: torch.Tensor, order: int) -> Series:
        inside, near = d.abs() < width, d.clamp(-width, width)
        value = torch.where(inside, d * d / (2 * width), d.abs() - width / 2)
        return [value, near / width, inside.to(d.dtype) / (2 * width)][: order + 1]

    return series


@rule("smooth_l1_loss")
def smooth_l1_loss(b: Builder, x: Any, y: Any, reduction: int = 1, beta: float = 1.0) -> Slot:
    """(x − y)²/(2β) within β, |x − y| − β/2 beyond."""
    difference = b("sub.Tensor", x, y)
    losses = b.elementwise(difference, _quadratic_within(beta)) if beta else b("abs", difference)
    return _reduced(b, losses, reduction)


@rule("huber_loss")
def huber_loss(b: Builder, x: Any, y: Any, reduction: int = 1, delta: float = 1.0) -> Slot:
    """(x − y)²/2 within δ, δ(|x − y| − δ/2) beyond."""
    losses = b.elementwise(b("sub.Tensor", x, y), _quadratic_within(delta))
    return _reduced(b, b("mul.Scalar", losses, delta), reduction)


@rule("nll_loss_forward")
def nll_loss(
    b: Builder, x: Slot, target: torch.Tensor, weight: Any, reduction: int, ignore_index: int
) -> tuple[Slot, None]:
    """−x at the target class; the second result, the total weight, is not used by models."""
    if weight is not None or bool((target == ignore_index).any()):
        raise b.refuse("class weights and ignored targets")
    picked = b("gather", x, x.ndim - 1, target.unsqueeze(-1))
    return _reduced(b, b("neg", b("squeeze.dim", picked, x.ndim - 1)), reduction), None

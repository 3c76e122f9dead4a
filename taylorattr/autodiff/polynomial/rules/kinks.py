"""Kinks: expanded on the branch, or with the winner, of degree 0.

Elementwise kinks are scalar series [value, slope]; selections gather the entry that wins at
degree 0. Where two branches meet exactly, one of them is a convention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Builder, Slot, overload, rule
from taylorattr.autodiff.polynomial.rules.shapes import LEAD, axis
from taylorattr.autodiff.polynomial.series import Series, SeriesFunction


def piecewise(value: Callable[[Tensor], Tensor], slope: Callable[[Tensor], Tensor]) -> SeriesFunction:
    """Return the series of a function that is straight on each piece: two terms, whatever the order."""

    def series(u: Tensor, order: int) -> Series:
        return [value(u), slope(u).to(u.dtype)][: order + 1]

    return series


def between(u: Tensor, low: float, high: float) -> Tensor:
    """Return low < u < high."""
    return (u > low) & (u < high)


def _hardswish(u: Tensor, order: int) -> Series:
    """Return u·clamp(u/6 + 1/2, 0, 1) = u²/6 + u/2 between −3 and 3, the only kink here with curvature."""
    inside = between(u, -3, 3)
    zero = torch.zeros_like(u)
    slope = torch.where(inside, u / 3 + 0.5, (u >= 3).to(u.dtype))
    return [torch.nn.functional.hardswish(u), slope, torch.where(inside, zero + 1 / 6, zero)][: order + 1]


KINKS: dict[str, SeriesFunction] = {
    "relu": piecewise(torch.relu, lambda u: u > 0),
    "relu6": piecewise(lambda u: u.clamp(0, 6), lambda u: between(u, 0, 6)),
    "abs": piecewise(torch.abs, torch.sign),
    "hardsigmoid": piecewise(torch.nn.functional.hardsigmoid, lambda u: between(u, -3, 3).to(u.dtype) / 6),
    "hardswish": _hardswish,
    "frac": piecewise(torch.frac, torch.ones_like),
}
"""φ of one argument by ATen name."""

FROZEN = (
    "sign", "sgn", "floor", "ceil", "round", "trunc", "round.decimals", "floor_divide",
    "floor_divide.Scalar", "div.Tensor_mode", "div.Scalar_mode", "heaviside", "eq.Scalar", "eq.Tensor",
    "ne.Scalar", "ne.Tensor", "lt.Scalar", "lt.Tensor", "le.Scalar", "le.Tensor", "gt.Scalar", "gt.Tensor",
    "ge.Scalar", "ge.Tensor", "isnan", "isinf", "isfinite", "isneginf", "isposinf", "signbit",
    "logical_not", "logical_and", "logical_or", "logical_xor", "bitwise_not", "bitwise_and.Tensor",
    "bitwise_and.Scalar", "bitwise_or.Tensor", "bitwise_or.Scalar", "bitwise_xor.Tensor",
    "bitwise_xor.Scalar",
    "any", "any.dim", "any.dims", "all",
    "all.dim", "argmax", "argmin", "argsort", "argsort.stable", "nonzero", "count_nonzero", "isclose",
    "equal", "bucketize.Tensor", "searchsorted.Tensor", "histc", "zeros_like", "ones_like", "full_like",
    "empty_like", "new_zeros", "new_ones", "new_full", "new_empty",
)  # fmt: skip
"""Operations whose result has derivative zero wherever it has one."""


def _declare(name: str, function: SeriesFunction) -> None:
    """Register the rule of an elementwise kink."""

    @rule(name)
    def apply(b: Builder, x: Slot) -> Slot:
        return b.elementwise(x, function)


def _declare_frozen(name: str) -> None:
    """Register the rule of an operation that is taken at degree 0, if this torch has it."""
    op = overload(name)
    if op is None:
        return

    @rule(name)
    def apply(b: Builder, *args: Any, **kwargs: Any) -> Any:
        return b.frozen_op(op, args, kwargs)


for _name, _function in KINKS.items():
    _declare(_name, _function)
for _name in FROZEN:
    _declare_frozen(_name)


@rule("leaky_relu")
def leaky_relu(b: Builder, x: Slot, negative_slope: float = 0.01) -> Slot:
    """max(x, 0) + slope·min(x, 0)."""
    return _sided(b, x, negative_slope)


@rule("rrelu_with_noise", "rrelu_with_noise_functional")
def rrelu(b: Builder, x: Slot, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, *_: Any) -> Slot:
    """Randomised leaky ReLU in evaluation mode: the mean slope."""
    return _sided(b, x, (lower + upper) / 2)


def _sided(b: Builder, x: Slot, below: float) -> Slot:
    """Add y = x above 0 and below·x under it."""
    function = piecewise(
        lambda u: torch.where(u > 0, u, u * below), lambda u: torch.where(u > 0, torch.ones_like(u), below)
    )
    return b.elementwise(x, function)


@rule("_prelu_kernel", "prelu")
def prelu(b: Builder, x: Slot, weight: Any) -> Slot:
    """Leaky ReLU with a slope per channel."""
    if len(weight.shape) == 1 and weight.shape[0] > 1:
        weight = b("view", weight, [1, -1, *[1] * (x.ndim - 2)])
    if isinstance(weight, Tensor):
        return b.elementwise(
            x,
            piecewise(lambda u: torch.where(u > 0, u, u * weight), lambda u: torch.where(u > 0, 1.0, weight)),
        )
    positive = b("relu", x)  # an active slope: relu(x) + weight·(x − relu(x))
    return b("add.Tensor", positive, b("mul.Tensor", b("sub.Tensor", x, positive), weight))


@rule("hardtanh")
def hardtanh(b: Builder, x: Slot, min_val: float = -1, max_val: float = 1) -> Slot:
    """x clamped to [min_val, max_val]."""
    return clamp(b, x, min_val, max_val)


@rule("threshold")
def threshold(b: Builder, x: Slot, limit: float, value: float) -> Slot:
    """x above the limit, a constant below."""
    return b.elementwise(x, piecewise(lambda u: torch.where(u > limit, u, value), lambda u: u > limit))


@rule("softshrink")
def softshrink(b: Builder, x: Slot, lambd: float = 0.5) -> Slot:
    """x shrunk towards 0 by lambd."""
    return b.elementwise(
        x, piecewise(lambda u: torch.nn.functional.softshrink(u, lambd), lambda u: u.abs() > lambd)
    )


@rule("hardshrink")
def hardshrink(b: Builder, x: Slot, lambd: float = 0.5) -> Slot:
    """x where |x| > lambd."""
    return b.elementwise(
        x, piecewise(lambda u: torch.nn.functional.hardshrink(u, lambd), lambda u: u.abs() > lambd)
    )


@rule("clamp", "clip")
def clamp(b: Builder, x: Slot, min: float | None = None, max: float | None = None) -> Slot:
    """x between two numbers."""
    low, high = (-torch.inf if min is None else min), (torch.inf if max is None else max)
    return b.elementwise(x, piecewise(lambda u: u.clamp(low, high), lambda u: (u >= low) & (u <= high)))


@rule("clamp_min")
def clamp_min(b: Builder, x: Slot, min: float) -> Slot:
    """max(x, min)."""
    return clamp(b, x, min)


@rule("clamp_max")
def clamp_max(b: Builder, x: Slot, max: float) -> Slot:
    """min(x, max)."""
    return clamp(b, x, None, max)


@rule("nan_to_num")
def nan_to_num(b: Builder, x: Slot, nan: float | None = None, *_: Any, **__: Any) -> Slot:
    """Finite values as they are."""
    return b.elementwise(x, piecewise(lambda u: torch.nan_to_num(u, nan or 0.0), torch.isfinite))


@rule("maximum", "fmax", "max.other")
def maximum(b: Builder, x: Any, y: Any) -> Slot:
    """The larger of two values at degree 0."""
    if not (isinstance(x, Slot) and isinstance(y, Slot)):
        return _against_constant(b, x, y, torch.maximum, torch.ge)
    return b("where.self", b("ge.Tensor", x, y), x, y)


@rule("minimum", "fmin", "min.other")
def minimum(b: Builder, x: Any, y: Any) -> Slot:
    """The smaller of two values at degree 0."""
    if not (isinstance(x, Slot) and isinstance(y, Slot)):
        return _against_constant(b, x, y, torch.minimum, torch.le)
    return b("where.self", b("le.Tensor", x, y), x, y)


def _against_constant(
    b: Builder, x: Any, y: Any, extreme: Callable[..., Tensor], wins: Callable[..., Tensor]
) -> Slot:
    """Return the extreme of a value and a constant, which is a function of one value."""
    value, bound = (x, y) if isinstance(x, Slot) else (y, x)
    bound = torch.as_tensor(bound, dtype=value.value.dtype, device=value.value.device)
    value = b("expand", value, list(torch.broadcast_shapes(value.shape, bound.shape)))
    return b.elementwise(value, piecewise(lambda u: extreme(u, bound), lambda u: wins(u, bound)))


@rule("copysign.Tensor", "copysign.Scalar")
def copysign(b: Builder, x: Any, y: Any) -> Slot:
    """|x| with the sign that y has at degree 0."""
    size = b("abs", x) if isinstance(x, Slot) else x.abs()
    if isinstance(y, Slot):
        sign = b.frozen_op(lambda t: torch.copysign(torch.ones_like(t), t), (y,), {})
    else:
        sign = torch.copysign(torch.ones((), dtype=size.value.dtype), torch.as_tensor(y))
    return b("mul.Tensor", size, sign)


@rule("clamp.Tensor", "clip.Tensor")
def clamp_tensor(b: Builder, x: Any, min: Any = None, max: Any = None) -> Slot:
    """x between two values."""
    x = x if min is None else maximum(b, x, min)
    return x if max is None else minimum(b, x, max)


@rule("clamp_min.Tensor")
def clamp_min_tensor(b: Builder, x: Any, min: Any) -> Slot:
    """max(x, min)."""
    return maximum(b, x, min)


@rule("clamp_max.Tensor")
def clamp_max_tensor(b: Builder, x: Any, max: Any) -> Slot:
    """min(x, max)."""
    return minimum(b, x, max)


def gathered(b: Builder, x: Slot, index: Slot, dim: int) -> Slot:
    """Add y = x gathered along a dimension at indices from degree 0.

    The indices are one block (1, E, …), or (1, 1, …) where all examples share them.

    Returns:
        The slot of y.
    """
    at, shape = axis(dim, x.ndim), x.shape

    def widened(block: Tensor, indices: Tensor) -> Tensor:
        """Return the indices for every coefficient and example of a block."""
        count = max(block.shape[1], indices.shape[1])
        return indices.expand(len(block), count, *indices.shape[LEAD:])

    def push(blocks: Sequence[Tensor], indices: Tensor) -> Tensor:
        wide = widened(blocks[0], indices)
        return blocks[0].expand(-1, wide.shape[1], *shape).gather(at, wide)

    def pull(block: Tensor, indices: Tensor) -> list[Tensor | None]:
        out = block.new_zeros((*block.shape[:LEAD], *shape))
        return [out.scatter_add_(at, widened(block, indices), block), None]

    return b.linear([x, index], push, pull=pull, context=lambda points: points[1])


def _extreme(
    b: Builder, x: Slot, dims: Sequence[int], keepdim: bool, arg: Callable[..., Tensor]
) -> tuple[Slot, Slot]:
    """Return the winner over dims, first of equals, and its number among the reduced entries."""
    dims = sorted({d % x.ndim for d in dims}) if dims else list(range(x.ndim))
    remaining = [d for d in range(x.ndim) if d not in dims]
    moved = b("permute", x, [*remaining, *dims])
    flat = b("reshape", moved, [*(x.shape[d] for d in remaining), -1])
    index = b.frozen([flat], lambda points: arg(points[0], dim=-1, keepdim=True))
    out = gathered(b, flat, index, -1)
    shape = [1 if d in dims else n for d, n in enumerate(x.shape) if keepdim or d not in dims]
    return b("view", out, shape), b("view", index, shape)


@rule("amax", "max")
def amax(b: Builder, x: Slot, dim: Sequence[int] = (), keepdim: bool = False) -> Slot:
    """Largest entry over dimensions."""
    return _extreme(b, x, [dim] if isinstance(dim, int) else dim, keepdim, torch.argmax)[0] if x.ndim else x


@rule("amin", "min")
def amin(b: Builder, x: Slot, dim: Sequence[int] = (), keepdim: bool = False) -> Slot:
    """Smallest entry over dimensions."""
    return _extreme(b, x, [dim] if isinstance(dim, int) else dim, keepdim, torch.argmin)[0] if x.ndim else x


@rule("max.dim")
def max_dim(b: Builder, x: Slot, dim: int, keepdim: bool = False) -> tuple[Slot, Slot]:
    """Largest entry along a dimension and its index."""
    return _extreme(b, x, [dim], keepdim, torch.argmax)


@rule("min.dim")
def min_dim(b: Builder, x: Slot, dim: int, keepdim: bool = False) -> tuple[Slot, Slot]:
    """Smallest entry along a dimension and its index."""
    return _extreme(b, x, [dim], keepdim, torch.argmin)


@rule("sort", "sort.stable", "topk")
def ordered(b: Builder, x: Slot, *args: Any, **kwargs: Any) -> tuple[Slot, Slot]:
    """Entries in the order of degree 0."""
    assert b.node is not None
    _, index = b.frozen_op(b.node.op, (x, *args), kwargs)
    position = 0 if b.node.name == "sort" else 1  # of dim among the arguments: topk has k in front
    dim = kwargs.get("dim", args[position] if len(args) > position else -1)
    return gathered(b, x, index, dim), index


def _pooled(b: Builder, x: Slot, op: str, spatial: int, args: tuple[Any, ...]) -> tuple[Slot, Slot]:
    """Return the winners of a max-pooling and their positions in the flat plane, as torch counts them."""
    pool = overload(op)
    assert pool is not None
    _, index = b.frozen_op(pool, (x, *args), {})
    lead = list(x.shape[: x.ndim - spatial])
    flat = b("reshape", x, [*lead, -1])
    places = b("reshape", index, [*lead, -1])
    return b("view", gathered(b, flat, places, -1), list(index.shape)), index


def _declare_pool(name: str, op: str, spatial: int, only_values: bool) -> None:
    """Register the rule of a max-pooling; `op` is the operation that returns the positions."""

    @rule(name)
    def apply(b: Builder, x: Slot, *args: Any) -> Any:
        values, index = _pooled(b, x, op, spatial, args)
        return values if only_values else (values, index)


for _name, _op, _spatial, _only in (
    ("max_pool2d_with_indices", "max_pool2d_with_indices", 2, False),
    ("max_pool3d_with_indices", "max_pool3d_with_indices", 3, False),
    ("max_pool2d", "max_pool2d_with_indices", 2, True),
    ("max_pool3d", "max_pool3d_with_indices", 3, True),
    ("max_pool1d_with_indices", "max_pool1d_with_indices", 1, False),
    ("adaptive_max_pool2d", "adaptive_max_pool2d", 2, False),
    ("adaptive_max_pool3d", "adaptive_max_pool3d", 3, False),
):
    _declare_pool(_name, _op, _spatial, _only)

"""Shape operations in direct form: they act on the value axes of a block and leave (C, E, …) in front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.builder import Builder, Slot, overload, rule

LEAD = 2
"""Leading axes of a block: coefficients and examples."""


def axis(dim: int, rank: int) -> int:
    """Return the block axis of a value's dimension."""
    return (dim % rank if rank else 0) + LEAD


def reshaped(b: Builder, x: Slot, shape: Sequence[int]) -> Slot:
    """Add the step that gives a value another shape with the same entries."""
    old, new = x.shape, tuple(shape)
    if old == new:
        return x
    return b.linear(
        [x],
        lambda blocks, _: blocks[0].reshape(*blocks[0].shape[:LEAD], *new),
        pull=lambda block, _: [block.reshape(*block.shape[:LEAD], *old)],
    )


def permuted(b: Builder, x: Slot, order: Sequence[int]) -> Slot:
    """Add the step that permutes a value's dimensions."""
    forth = (0, 1, *(axis(d, x.ndim) for d in order))
    back = tuple(forth.index(i) for i in range(len(forth)))
    return b.linear(
        [x],
        lambda blocks, _: blocks[0].permute(forth),
        pull=lambda block, _: [block.permute(back)],
    )


def single(b: Builder, x: Slot, act: Callable[[Tensor], Tensor]) -> Slot:
    """Add a linear step of one argument; the transpose comes from autograd."""
    return b.linear([x], lambda blocks, _: act(blocks[0]))


def _reshape_rule(name: str) -> None:
    """Register the rule of an operation that keeps the entries in order; torch tells the new shape itself."""
    op = overload(name)

    @rule(name)
    def apply(b: Builder, x: Slot, *args: Any, **_: Any) -> Slot:
        assert op is not None
        return reshaped(b, x, op(torch.empty(x.shape, device="meta"), *args).shape)


for _name in (
    "view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "squeeze.dim", "squeeze.dims",
    "unsqueeze", "flatten.using_ints", "unflatten.int", "view_copy", "squeeze_copy", "squeeze_copy.dim",
    "unsqueeze_copy",
):  # fmt: skip
    _reshape_rule(_name)


@rule("permute", "permute_copy")
def permute(b: Builder, x: Slot, dims: Sequence[int]) -> Slot:
    """x.permute(dims)."""
    return permuted(b, x, dims)


@rule("transpose.int", "swapaxes", "swapdims", "transpose_copy.int")
def transpose(b: Builder, x: Slot, dim0: int, dim1: int) -> Slot:
    """Two dimensions exchanged."""
    order = list(range(x.ndim))
    if x.ndim:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return permuted(b, x, order)


@rule("t", "numpy_T", "mT", "t_copy")
def reversed_dims(b: Builder, x: Slot) -> Slot:
    """x.T."""
    return permuted(b, x, range(x.ndim - 1, -1, -1))


@rule("movedim.int")
def movedim(b: Builder, x: Slot, source: int, destination: int) -> Slot:
    """One dimension moved."""
    order = [d for d in range(x.ndim) if d != source % x.ndim]
    order.insert(destination % x.ndim, source % x.ndim)
    return permuted(b, x, order)


@rule("expand", "expand_copy")
def expand(b: Builder, x: Slot, size: Sequence[int], *, implicit: bool = False) -> Slot:
    """x.expand(size)."""
    missing = len(size) - x.ndim
    target = [x.shape[i - missing] if n == -1 else n for i, n in enumerate(size)]
    x = reshaped(b, x, [1] * missing + list(x.shape))
    if list(x.shape) == target:
        return x
    wide = [i + LEAD for i, (n, m) in enumerate(zip(x.shape, target, strict=True)) if n != m]
    return b.linear(
        [x],
        lambda blocks, _: blocks[0].expand(*blocks[0].shape[:LEAD], *target),
        pull=lambda block, _: [block.sum(wide, keepdim=True)],
    )


@rule("expand_as")
def expand_as(b: Builder, x: Slot, other: Any) -> Slot:
    """x.expand_as(other)."""
    return expand(b, x, list(other.shape))


@rule("broadcast_to")
def broadcast_to(b: Builder, x: Slot, size: Sequence[int]) -> Slot:
    """Broadcast to a shape."""
    return expand(b, x, size)


@rule("slice.Tensor", "slice_copy.Tensor")
def slice_(
    b: Builder, x: Slot, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Slot:
    """x[start:end:step] along a dimension."""
    size, at = x.shape[dim], axis(dim, x.ndim)
    # ends out of range and negative ones brought to 0 … size, as Python's own slices have them
    span = slice(*slice(start, end, step).indices(size))
    if (span.start, span.stop, span.step) == (0, size, 1):
        return x
    index = (*[slice(None)] * at, span)
    return _windowed(b, x, index)


@rule("select.int", "select_copy.int")
def select(b: Builder, x: Slot, dim: int, index: int) -> Slot:
    """x[index] along a dimension."""
    return _windowed(b, x, (*[slice(None)] * axis(dim, x.ndim), index % x.shape[dim]))


def _windowed(b: Builder, x: Slot, index: tuple[Any, ...]) -> Slot:
    """Add the step that reads a block at an index; back, the entries are written into zeros."""
    shape = x.shape

    def pull(block: Tensor, _: Any) -> list[Tensor | None]:
        out = block.new_zeros((*block.shape[:LEAD], *shape))
        out[index] = block
        return [out]

    return b.linear([x], lambda blocks, _: blocks[0][index], pull=pull)


@rule("narrow", "narrow_copy")
def narrow(b: Builder, x: Slot, dim: int, start: int, length: int) -> Slot:
    """x[start:start+length] along a dimension."""
    start %= x.shape[dim]
    return slice_(b, x, dim, start, start + length)


@rule("split.Tensor", "unsafe_split.Tensor", "split_copy.Tensor")
def split(b: Builder, x: Slot, size: int, dim: int = 0) -> tuple[Slot, ...]:
    """Pieces of a size."""
    return tuple(slice_(b, x, dim, start, start + size) for start in range(0, x.shape[dim], size))


@rule("split_with_sizes", "unsafe_split_with_sizes", "split.sizes", "split_with_sizes_copy")
def split_with_sizes(b: Builder, x: Slot, sizes: Sequence[int], dim: int = 0) -> tuple[Slot, ...]:
    """Pieces of given sizes."""
    stops = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return tuple(slice_(b, x, dim, stop - size, stop) for stop, size in zip(stops, sizes, strict=True))


@rule("chunk", "unsafe_chunk")
def chunk(b: Builder, x: Slot, chunks: int, dim: int = 0) -> tuple[Slot, ...]:
    """A number of pieces."""
    return split(b, x, -(-x.shape[dim] // chunks), dim)


@rule("unbind.int", "unbind_copy.int")
def unbind(b: Builder, x: Slot, dim: int = 0) -> tuple[Slot, ...]:
    """All slices along a dimension."""
    return tuple(select(b, x, dim, i) for i in range(x.shape[dim]))


@rule(
    "detach", "alias", "clone", "contiguous", "lift_fresh", "lift_fresh_copy", "positive", "detach_copy",
    "alias_copy", "_conj", "resolve_conj", "resolve_neg",
)  # fmt: skip
def identity(b: Builder, x: Slot, *_: Any, **__: Any) -> Slot:
    """Operations that do nothing to a real value in evaluation mode."""
    return x


@rule("_to_copy", "to.dtype")
def to_copy(b: Builder, x: Slot, *args: Any, dtype: torch.dtype | None = None, **_: Any) -> Slot:
    """A change of dtype: nothing between floating types, frozen towards integers and booleans."""
    dtype = next((a for a in args if isinstance(a, torch.dtype)), dtype)
    if dtype is None or dtype == x.value.dtype:
        return x
    if dtype.is_floating_point:
        return single(b, x, lambda block: block.to(dtype))
    return b.frozen([x], lambda points: points[0].to(dtype))

"""Linear operations: sums in direct form, the others example by example through `torch.vmap`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from taylorattr.autodiff.polynomial.builder import Builder, Slot, overload, rule
from taylorattr.autodiff.polynomial.rules.shapes import LEAD, axis, expand, reshaped
from taylorattr.program.arguments import leaves, map_leaves
from taylorattr.program.operations import TABLE


def scaled(b: Builder, x: Slot, factor: float) -> Slot:
    """Add y = factor·x."""
    if factor == 1:
        return x
    return b.linear([x], lambda blocks, _: blocks[0] * factor, pull=lambda block, _: [block * factor])


def times_constant(b: Builder, x: Slot, constant: Tensor) -> Slot:
    """Add y = constant·x, entry by entry with broadcasting."""
    if constant.dim() == 0:  # no shape to broadcast against
        return b.linear([x], lambda blocks, _: blocks[0] * constant, pull=lambda block, _: [block * constant])
    x = reshaped(b, x, [1] * (constant.dim() - x.ndim) + list(x.shape))
    wide = _summed_axes(x.shape, torch.broadcast_shapes(x.shape, constant.shape))
    return b.linear(
        [x],
        lambda blocks, _: blocks[0] * constant,
        pull=lambda block, _: [_reduce(block * constant, wide)],
    )


def _summed_axes(small: Sequence[int], large: Sequence[int]) -> list[int]:
    """Return the block axes along which a value of equal rank was broadcast."""
    return [i + LEAD for i, (n, m) in enumerate(zip(small, large, strict=True)) if n != m]


def _reduce(block: Tensor, wide: list[int]) -> Tensor:
    """Return the sum over broadcast axes, which is the transpose of broadcasting."""
    return block.sum(wide, keepdim=True) if wide else block


def shifted(b: Builder, x: Slot, constant: Tensor | float) -> Slot:
    """Add y = x + constant with broadcasting; the constant is seen at degree 0 alone."""
    if isinstance(constant, Tensor) and constant.dim():
        shape = torch.broadcast_shapes(x.shape, constant.shape)
        x = reshaped(b, x, [1] * (len(shape) - x.ndim) + list(x.shape))
        x = expand(b, x, list(shape))
    return b.linear(
        [x],
        lambda blocks, _: blocks[0],
        value=lambda points, _: points[0] + constant,
        pull=lambda block, _: [block],
    )


def added(b: Builder, x: Slot, y: Slot, alpha: float = 1) -> Slot:
    """Add x + alpha·y with broadcasting."""
    shape = torch.broadcast_shapes(x.shape, y.shape)
    x, y = (b("expand", slot, list(shape)) for slot in (x, y))

    def push(blocks: Sequence[Tensor | None], _: Any) -> Tensor:
        left, right = blocks
        if left is None:
            assert right is not None
            return right if alpha == 1 else right * alpha
        return left if right is None else torch.add(left, right, alpha=alpha)

    return b.linear(
        [x, y],
        push,
        pull=lambda block, _: [block, block if alpha == 1 else block * alpha],
        accepts_missing=True,
    )


@rule("add.Tensor", "add.Scalar")
def add(b: Builder, x: Any, y: Any, *, alpha: float = 1) -> Slot:
    """x + alpha·y."""
    if isinstance(x, Slot) and isinstance(y, Slot):
        return added(b, x, y, alpha)
    if isinstance(x, Slot):
        return shifted(b, x, y * alpha if alpha != 1 else y)
    return shifted(b, scaled(b, y, alpha), x)


@rule("sub.Tensor", "sub.Scalar")
def sub(b: Builder, x: Any, y: Any, *, alpha: float = 1) -> Slot:
    """x − alpha·y."""
    if isinstance(x, Slot) and isinstance(y, Slot):
        return added(b, x, y, -alpha)
    if isinstance(x, Slot):
        return shifted(b, x, -alpha * y)
    return shifted(b, scaled(b, y, -alpha), x)


@rule("rsub.Tensor", "rsub.Scalar")
def rsub(b: Builder, x: Any, y: Any, alpha: float = 1) -> Slot:
    """y − alpha·x."""
    return sub(b, y, x, alpha=alpha)


@rule("neg")
def neg(b: Builder, x: Slot) -> Slot:
    """−x."""
    return scaled(b, x, -1)


@rule("cat", "concat")
def cat(b: Builder, tensors: Sequence[Any], dim: int = 0) -> Slot:
    """Concatenation; constant operands act on degree 0 only."""
    tensors = [t for t in tensors if t.shape != (0,) or len(tensors) == 1]  # torch skips (0,) of any rank
    rank = next(t for t in tensors if isinstance(t, Slot)).ndim
    at, dim = axis(dim, rank), dim % rank
    active = [t for t in tensors if isinstance(t, Slot)]
    numbers = iter(range(len(active)))
    # an operand is the number of its block, or a constant
    pieces: list[Any] = [next(numbers) if isinstance(t, Slot) else t for t in tensors]
    shapes = [tuple(t.shape) for t in tensors]
    spans, start = [], 0
    for t in tensors:
        if isinstance(t, Slot):
            spans.append(slice(start, start + t.shape[dim]))
        start += t.shape[dim]

    def joined(blocks: Sequence[Tensor], constants: bool) -> Tensor:
        """Return the operands joined; constants as they are at degree 0, else as zeros."""
        lead = torch.broadcast_shapes(*(block.shape[:LEAD] for block in blocks))
        parts = [
            (blocks[p] if isinstance(p, int) else p if constants else torch.zeros_like(p)).expand(*lead, *s)
            for p, s in zip(pieces, shapes, strict=True)
        ]
        return torch.cat(parts, at)

    return b.linear(
        active,
        lambda blocks, _: joined(blocks, False),
        value=lambda points, _: joined(points, True),
        pull=lambda block, _: [block[(*[slice(None)] * at, span)] for span in spans],
    )


@rule("stack")
def stack(b: Builder, tensors: Sequence[Any], dim: int = 0) -> Slot:
    """Values stacked along a new dimension."""
    rank = len(tensors[0].shape) + 1
    return cat(b, [b("unsqueeze", t, dim % rank) for t in tensors], dim % rank)


@rule("sum.dim_IntList", "sum")
def sum_(b: Builder, x: Slot, dim: Sequence[int] | None = None, keepdim: bool = False, **_: Any) -> Slot:
    """Sum over dimensions."""
    dims = sorted({d % x.ndim for d in dim}) if dim else list(range(x.ndim))
    if not x.ndim:
        return x
    axes = [d + LEAD for d in dims]
    shape, with_ones = x.shape, [1 if d in dims else n for d, n in enumerate(x.shape)]

    def pull(block: Tensor, _: Any) -> list[Tensor | None]:
        return [block.reshape(*block.shape[:LEAD], *with_ones).expand(*block.shape[:LEAD], *shape)]

    return b.linear([x], lambda blocks, _: blocks[0].sum(axes, keepdim=keepdim), pull=pull)


@rule("mean.dim", "mean")
def mean(b: Builder, x: Slot, dim: Sequence[int] | None = None, keepdim: bool = False, **_: Any) -> Slot:
    """Mean over dimensions."""
    dims = {d % x.ndim for d in dim} if dim else set(range(x.ndim))
    return scaled(b, sum_(b, x, dim, keepdim), 1 / math.prod(x.shape[d] for d in dims))


def written(b: Builder, x: Any, source: Any, index: tuple[Any, ...]) -> Slot:
    """Add a copy of x with a source written at a block index; either may be constant."""
    active = [t for t in (x, source) if isinstance(t, Slot)]

    def parts(blocks: Sequence[Tensor], constant: bool) -> tuple[Tensor, Tensor]:
        """Return a copy of x and the source as blocks; what is constant as it is, else as zeros."""
        remaining = iter(blocks)
        lead = torch.broadcast_shapes(*(block.shape[:LEAD] for block in blocks))
        both = [
            next(remaining) if isinstance(t, Slot) else t if constant else torch.zeros_like(t)
            for t in (x, source)
        ]
        return both[0].expand(*lead, *x.shape).clone(), both[1].expand(*lead, *source.shape)

    def write(blocks: Sequence[Tensor], constant: bool) -> Tensor:
        out, piece = parts(blocks, constant)
        out[index] = piece
        return out

    def pull(block: Tensor, _: Any) -> list[Tensor | None]:
        outside = block.clone()
        outside[index] = 0  # what was written over has no part in the result
        grads = (outside, block[index])
        return [grad for t, grad in zip((x, source), grads, strict=True) if isinstance(t, Slot)]

    return b.linear(
        active, lambda blocks, _: write(blocks, False), value=lambda p, _: write(p, True), pull=pull
    )


@rule("select_scatter")
def select_scatter(b: Builder, x: Any, source: Any, dim: int, index: int) -> Slot:
    """x with one slice replaced."""
    return written(b, x, source, (*[slice(None)] * axis(dim, len(x.shape)), index % x.shape[dim]))


@rule("slice_scatter")
def slice_scatter(
    b: Builder,
    x: Any,
    source: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Slot:
    """x with a range replaced."""
    span = slice(*slice(start, end, step).indices(x.shape[dim]))
    return written(b, x, source, (*[slice(None)] * axis(dim, len(x.shape)), span))


def vmapped(
    b: Builder,
    op: OpOverload,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    additive: Sequence[int | str] = (),
) -> Slot:
    """Add a step for an operation that is jointly affine in its active arguments.

    Args:
        b: The builder.
        op: The operation.
        args: Its arguments.
        kwargs: Its keyword arguments.
        additive: Positions or names of arguments whose constant tensors and numbers are added or
            filled in, hence zero at degrees ≥ 1.

    Returns:
        The slot of the result.
    """
    # masks and indices among the arguments are frozen slots: they reach the operation through the context
    slots = list(dict.fromkeys(leaves(Slot, (args, kwargs))))
    moving = [slot for slot in slots if not slot.frozen]
    fixed = [slot for slot in slots if slot.frozen]
    bare_args = tuple(_without_constants(a) if i in additive else a for i, a in enumerate(args))
    bare_kwargs = {k: _without_constants(v) if k in additive else v for k, v in kwargs.items()}

    def act(some_args: Any, some_kwargs: Any) -> Callable[[Sequence[Tensor], Any], Tensor]:
        """Return the operation with these arguments on blocks."""

        def one(points: Sequence[Tensor], frozen: Sequence[Tensor]) -> Tensor:
            value_of = dict(zip([*moving, *fixed], [*points, *frozen], strict=True)).__getitem__
            positional, by_name = (map_leaves(Slot, value_of, each) for each in (some_args, some_kwargs))
            return op(*positional, **by_name)

        over_examples = torch.vmap(one, in_dims=(0, 0))
        over_coefficients = torch.vmap(over_examples, in_dims=(0, None))
        flat = torch.vmap(lambda points: one(points, ()))

        def blocks_to_block(blocks: Sequence[Tensor], context: Any) -> Tensor:
            moved = list(blocks[: len(moving)])
            if not fixed:  # the same map for all: coefficients and examples are one axis of vmap
                lead = torch.broadcast_shapes(*(block.shape[:LEAD] for block in moved))
                moved = [block.expand(*lead, *block.shape[LEAD:]).flatten(0, 1) for block in moved]
                return flat(moved).unflatten(0, lead)
            count = max(block.shape[1] for block in [*moved, *(w[None] for w in context)])
            moved = [block.expand(-1, count, *block.shape[LEAD:]) for block in moved]
            return over_coefficients(moved, [w.expand(count, *w.shape[1:]) for w in context])

        return blocks_to_block

    return b.linear(
        [*moving, *fixed],
        act(bare_args, bare_kwargs),
        value=act(args, kwargs) if _adds_constants(args, kwargs, additive) else None,
        context=(lambda points: [p[0] for p in points[len(moving) :]]) if fixed else None,
    )


def _adds_constants(args: tuple[Any, ...], kwargs: dict[str, Any], additive: Sequence[int | str]) -> bool:
    """Return whether some additive argument is not a slot, so that degree 0 has a part of its own."""
    addends = [a for i, a in enumerate(args) if i in additive]
    addends += [a for name, a in kwargs.items() if name in additive]
    return any(not isinstance(a, Slot) for a in addends)


def _without_constants(value: Any) -> Any:
    """Return an additive argument as it is at degrees ≥ 1: constants are 0, slots, flags and None stay."""
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    if isinstance(value, (bool, Slot)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(_without_constants(item) for item in value)
    return 0


def _declare(name: str) -> None:
    """Register the rule of an affine operation, if this torch has it; the table says what it adds."""
    op = overload(name)
    if op is None:
        return
    row = TABLE[name.partition(".")[0]]
    arguments = [argument.name for argument in op._schema.arguments]
    additive = (*(i for i, a in enumerate(arguments) if a in row.affine_arguments), *row.affine_arguments)

    @rule(name)
    def apply(b: Builder, *args: Any, **kwargs: Any) -> Slot:
        return vmapped(b, op, args, kwargs, additive)


EXAMPLE_BY_EXAMPLE = (
    # indexing with fixed indices
    "index.Tensor", "index_select", "gather", "take", "take_along_dim", "embedding", "masked_select",
    "diagonal", "diagonal_copy", "diag_embed", "tril", "triu", "flip", "roll", "rot90", "repeat", "tile",
    "repeat_interleave.self_int", "as_strided", "unfold", "unfold_copy", "trace",
    # writing constants or active values into each other
    "diagonal_scatter", "as_strided_scatter", "scatter.src", "scatter.value", "scatter_add", "index_put",
    "index_add", "index_copy", "index_fill.int_Scalar", "index_fill.int_Tensor", "masked_scatter",
    "masked_fill.Scalar", "masked_fill.Tensor", "copy", "where.ScalarOther", "where.ScalarSelf",
    # padding
    "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d",
    "replication_pad2d", "replication_pad3d",
    # pooling, resampling, rearranging
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d",
    "adaptive_avg_pool1d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d", "upsample_trilinear3d",
    "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d",
    "_upsample_bilinear2d_aa", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "im2col", "col2im",
    "cumsum", "max_unpool2d", "max_unpool3d",
)  # fmt: skip
"""Affine operations that are run example by example; the table says in which arguments they are affine."""

for _name in EXAMPLE_BY_EXAMPLE:
    _declare(_name)


@rule("where.self")
def where(b: Builder, condition: Any, x: Any, y: Any) -> Slot:
    """The branch of degree 0 where the condition depends on the inputs."""
    op = overload("where.self")
    assert op is not None
    if isinstance(condition, Slot) and not condition.frozen:
        condition = b.frozen([condition], lambda points: points[0] != 0)
    return vmapped(b, op, (condition, x, y), {}, (1, 2))

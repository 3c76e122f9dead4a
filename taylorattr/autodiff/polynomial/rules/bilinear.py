"""Products: entry by entry and of matrices, with a constant or with another active value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial import series
from taylorattr.autodiff.polynomial.builder import Builder, Slot, rule
from taylorattr.autodiff.polynomial.rules.linear import add, scaled, sum_, times_constant
from taylorattr.autodiff.polynomial.rules.shapes import reshaped


@rule("mul.Tensor", "mul.Scalar")
def mul(b: Builder, x: Any, y: Any) -> Slot:
    """x·y."""
    if not isinstance(x, Slot):
        x, y = y, x
    if isinstance(y, Tensor):
        return times_constant(b, x, y)
    if not isinstance(y, Slot):
        return scaled(b, x, y)
    return b.elementwise(x, series.square) if x is y else b.multiply(x, y)


@rule("div.Tensor", "div.Scalar", "true_divide.Tensor")
def div(b: Builder, x: Any, y: Any) -> Slot:
    """x/y: a product with the reciprocal."""
    if not isinstance(y, Slot):
        return mul(b, x, torch.reciprocal(y) if isinstance(y, Tensor) else 1 / y)
    return mul(b, b.elementwise(y, series.reciprocal), x)


def times_matrix(b: Builder, x: Slot, matrix: Tensor) -> Slot:
    """Add y = x @ matrix for a value (…, k) and a constant (k, l).

    Coefficients, examples and rows of the value are folded into the rows of one product.

    Returns:
        The slot of y.
    """
    transposed = matrix.t()

    def push(blocks: Sequence[Tensor], _: Any) -> Tensor:
        block = blocks[0]
        return torch.mm(block.reshape(-1, block.shape[-1]), matrix).view(*block.shape[:-1], matrix.shape[1])

    def pull(block: Tensor, _: Any) -> list[Tensor | None]:
        return [
            torch.mm(block.reshape(-1, block.shape[-1]), transposed).view(
                *block.shape[:-1], transposed.shape[1]
            )
        ]

    return b.linear([x], push, pull=pull)


def _swapped(b: Builder, x: Slot) -> Slot:
    """Return the transposed matrix."""
    return b("transpose.int", x, -1, -2)


@rule("mm")
def mm(b: Builder, x: Any, y: Any) -> Slot:
    """Product of two matrices."""
    if isinstance(y, Tensor):
        return times_matrix(b, x, y)
    if isinstance(x, Tensor):
        return _swapped(b, times_matrix(b, _swapped(b, y), x.t()))
    product = b.matmul(reshaped(b, x, [1, *x.shape]), reshaped(b, y, [1, *y.shape]))
    return reshaped(b, product, product.shape[1:])


@rule("bmm")
def bmm(b: Builder, x: Any, y: Any) -> Slot:
    """Batch of matrix products."""
    if isinstance(x, Slot) and isinstance(y, Slot):
        return b.matmul(x, y)
    if isinstance(y, Tensor):
        if y.shape[0] == 1:  # one matrix for all: folded into one product
            return reshaped(b, times_matrix(b, x, y[0]), [1, x.shape[1], y.shape[2]])
        other = y.transpose(1, 2)
        return b.linear(
            [x],
            lambda blocks, _: torch.matmul(blocks[0], y),
            pull=lambda block, _: [torch.matmul(block, other)],
        )
    assert isinstance(x, Tensor)  # the builder computes products of two constants itself
    left, flipped = x, x.transpose(1, 2)
    return b.linear(
        [y],
        lambda blocks, _: torch.matmul(left, blocks[0]),
        pull=lambda block, _: [torch.matmul(flipped, block)],
    )


@rule("matmul")
def matmul(b: Builder, x: Any, y: Any) -> Slot:
    """torch.matmul for values of rank ≤ 2 or equal batch dimensions."""
    if isinstance(y, Tensor) and y.dim() == 2:
        return times_matrix(b, x, y)
    ranks = (len(x.shape), len(y.shape))
    if ranks == (1, 1):
        return dot(b, x, y)
    if ranks == (2, 2):
        return mm(b, x, y)
    if ranks == (2, 1):
        return mv(b, x, y)
    if ranks[0] < 2 or ranks[1] < 2:
        raise b.refuse(f"ranks {ranks} of matmul")
    batch = torch.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    flat = [b("reshape", b("expand", t, [*batch, *t.shape[-2:]]), [-1, *t.shape[-2:]]) for t in (x, y)]
    return b("view", bmm(b, *flat), [*batch, x.shape[-2], y.shape[-1]])


@rule("linear")
def linear(b: Builder, x: Any, weight: Any, bias: Any = None) -> Slot:
    """x Wᵀ + bias."""
    out = matmul(b, x, b("t", weight))
    return out if bias is None else add(b, out, bias)


@rule("addmm", "addbmm", "baddbmm", "addmv")
def add_product(b: Builder, bias: Any, x: Any, y: Any, *, beta: float = 1, alpha: float = 1) -> Slot:
    """beta·bias + alpha·x @ y."""
    name = b.node.name if b.node is not None else "addmm"
    kind = "bmm" if name in ("baddbmm", "addbmm") else "mv" if name == "addmv" else "mm"
    product = b(kind, x, y)
    if name == "addbmm":
        product = b("sum.dim_IntList", product, [0])
    product = product if alpha == 1 else b("mul.Scalar", product, alpha)
    if beta == 0:
        return product
    return add(b, product, bias if beta == 1 else b("mul.Scalar", bias, beta))


@rule("mv")
def mv(b: Builder, x: Any, y: Any) -> Slot:
    """Matrix times vector."""
    out = b("mm", x, b("unsqueeze", y, 1))
    return b("squeeze.dim", out, 1)


@rule("dot", "vdot", "inner")
def dot(b: Builder, x: Any, y: Any) -> Slot:
    """Σ x_i y_i."""
    if len(x.shape) != 1 or len(y.shape) != 1:
        raise b.refuse("inner products of values of rank ≥ 2")
    return sum_(b, mul(b, x, y))


@rule("outer", "ger")
def outer(b: Builder, x: Any, y: Any) -> Slot:
    """x yᵀ."""
    return mul(b, b("unsqueeze", x, 1), b("unsqueeze", y, 0))


@rule("addcmul")
def addcmul(b: Builder, base: Any, x: Any, y: Any, *, value: float = 1) -> Slot:
    """base + value·x·y."""
    return b("add.Tensor", base, b("mul.Tensor", x, y), alpha=value)


@rule("addcdiv")
def addcdiv(b: Builder, base: Any, x: Any, y: Any, *, value: float = 1) -> Slot:
    """base + value·x/y."""
    return b("add.Tensor", base, b("div.Tensor", x, y), alpha=value)


@rule("lerp.Scalar", "lerp.Tensor")
def lerp(b: Builder, start: Any, end: Any, weight: Any) -> Slot:
    """start + weight·(end − start)."""
    difference = b("sub.Tensor", end, start)
    if isinstance(weight, (Slot, Tensor)):
        return b("add.Tensor", start, b("mul.Tensor", difference, weight))
    return b("add.Tensor", start, difference, alpha=weight)


@rule("pow.Tensor_Tensor")
def pow_tensor(b: Builder, x: Any, exponent: Any) -> Slot:
    """x^y: entrywise powers for a constant exponent, exp(y·log x) for an active one (x > 0)."""
    if isinstance(exponent, Tensor):
        x = b("expand", x, list(torch.broadcast_shapes(x.shape, exponent.shape)))
        if exponent.numel() == 1:
            return b("pow.Tensor_Scalar", x, float(exponent))
        return b.elementwise(x, series.powers(exponent))
    return b("exp", b("mul.Tensor", b("log", x), exponent))


@rule("tensordot")
def tensordot(b: Builder, x: Any, y: Any, dims_x: Sequence[int], dims_y: Sequence[int]) -> Slot:
    """Sum of products over paired dimensions."""
    rank_x, rank_y = len(x.shape), len(y.shape)
    free_x = [d for d in range(rank_x) if d not in [e % rank_x for e in dims_x]]
    free_y = [d for d in range(rank_y) if d not in [e % rank_y for e in dims_y]]
    shape = [x.shape[d] for d in free_x] + [y.shape[d] for d in free_y]
    size = math.prod(x.shape[d] for d in dims_x)
    left = b("reshape", b("permute", x, [*free_x, *dims_x]), [-1, size])
    right = b("reshape", b("permute", y, [*dims_y, *free_y]), [size, -1])
    return b("view", mm(b, left, right), shape)


@rule("_trilinear")
def trilinear(
    b: Builder,
    x: Any,
    y: Any,
    z: Any,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> Slot:
    """Σ x·y·z over dimensions, after each factor received the dimensions it lacks (nn.Bilinear)."""
    factors = []
    for factor, dims in ((x, expand1), (y, expand2), (z, expand3)):
        for d in sorted(dims):
            factor = b("unsqueeze", factor, d)
        factors.append(factor)
    return b("sum.dim_IntList", b("mul.Tensor", b("mul.Tensor", *factors[:2]), factors[2]), list(sumdim))

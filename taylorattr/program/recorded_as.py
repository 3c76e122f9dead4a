"""Operations that a recording writes down as what they are made of, so that no engine meets them.

They are kernels of their own for speed only, and short in operations of the table, for every engine alike. A
formula that is one of several, and so decides scores, stands in `formulas` instead.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten

IsActive = Callable[[Any], bool]
"""Whether a tensor depends on the inputs."""

RECORDED_AS: dict[str, Callable[..., Any]] = {}
"""Packet -> function of `IsActive` and the operation's arguments; NotImplemented where it stays whole."""


def recorded_as(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that files one function under the packets it writes out."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        RECORDED_AS.update(dict.fromkeys(names, function))
        return function

    return add


@recorded_as("mm", "bmm", "mv", "addmm", "baddbmm", "_sparse_addmm")
def _dense(active: IsActive, *args: Any, **kwargs: Any) -> Any:
    """A product of matrices one of which is sparse and constant: the same of dense ones."""
    if all(not isinstance(a, Tensor) or a.layout == torch.strided or active(a) for a in args):
        return NotImplemented
    dense = [a.to_dense() if isinstance(a, Tensor) and a.layout != torch.strided else a for a in args]
    if len(dense) == 2:
        return dense[0] @ dense[1]
    return (torch.baddbmm if dense[1].dim() == 3 else torch.addmm)(*dense, **kwargs)


@recorded_as("_neg_view")
def _negated(active: IsActive, x: Tensor) -> Tensor:
    """−x: the lazy sign of an imaginary part under conjugation."""
    return -x


@recorded_as("nansum")
def _nansum(
    active: IsActive, x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    """The sum of what is no NaN."""
    known = torch.where(torch.isnan(x), torch.zeros((), dtype=x.dtype, device=x.device), x)
    dims = list(range(x.dim())) if dim is None else dim
    return known.sum(dims, keepdim, dtype=dtype)


@recorded_as("ldexp")
def _ldexp(active: IsActive, x: Tensor, exponent: Tensor) -> Tensor:
    """x·2^exponent."""
    return x * torch.pow(2.0, exponent)


@recorded_as("block_diag")
def _block_diag(active: IsActive, blocks: Sequence[Tensor]) -> Tensor:
    """Each matrix between zeros, one below the other."""
    matrices = [torch.atleast_2d(block) for block in blocks]
    width, left, rows = sum(m.shape[1] for m in matrices), 0, []
    for m in matrices:
        rows.append(aten.constant_pad_nd(m, [left, width - left - m.shape[1]]))
        left += m.shape[1]
    return torch.cat(rows)


@recorded_as("put")
def _put(active: IsActive, x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Entries written by their flat position."""
    flat = aten.index_put(x.reshape(-1), [index.reshape(-1)], source.reshape(-1), accumulate)
    return flat.reshape(x.shape)


@recorded_as("unfold_backward")
def _fold(active: IsActive, windows: Tensor, shape: Sequence[int], dim: int, size: int, step: int) -> Tensor:
    """Windows (…, count, …, size) added up where they overlap: the overlap-add of ``istft``."""
    count = windows.shape[dim]
    starts = torch.arange(count, device=windows.device).unsqueeze(1) * step
    places = (starts + torch.arange(size, device=windows.device)).reshape(-1)
    entries = windows.movedim(-1, dim + 1).flatten(dim, dim + 1)
    return torch.zeros(list(shape), dtype=windows.dtype, device=windows.device).index_add(
        dim, places, entries
    )


@recorded_as("bincount")
def _bincount(active: IsActive, places: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Any:
    """Weights added up by place."""
    if weights is None or active(places):
        return NotImplemented
    count = max(int(places.max()) + 1 if len(places) else 0, minlength)
    return torch.zeros(count, dtype=weights.dtype, device=weights.device).index_add(0, places, weights)


@recorded_as("index_reduce")
def _index_reduce(
    active: IsActive, x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True,
) -> Tensor:  # fmt: skip
    """A scatter with the same index in every line."""
    shape = [1] * source.dim()
    shape[dim] = -1
    places = index.reshape(shape).expand(source.shape)
    return aten.scatter_reduce(x, dim, places, source, reduce, include_self=include_self)


@recorded_as("segment_reduce")
def _segment_reduce(
    active: IsActive, x: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None,
    offsets: Tensor | None = None, axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Any:  # fmt: skip
    """Each segment reduced by itself; not with lengths that depend on the inputs, nor an initial value."""
    if offsets is not None:
        lengths = offsets.diff()
    if lengths is None or lengths.dim() != 1 or axis != 0 or initial is not None or active(lengths):
        return NotImplemented
    sizes = lengths.tolist()
    if reduce not in ("sum", "prod") and min(sizes) == 0:  # of nothing: NaN or an infinity, by the reduction
        return NotImplemented
    reduced = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax, "min": torch.amin, "prod": torch.prod}
    return torch.stack([reduced[reduce](part, 0) for part in x.split(sizes)])


@recorded_as("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(
    active: IsActive, table: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False,
    mode: int = 0, sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int = -1,
) -> Any:  # fmt: skip
    """Rows of the table, weighted, summed (mode 0), averaged (1) or their largest (2), bag by bag."""
    if active(indices) or active(offsets):
        return NotImplemented
    starts = offsets[: len(offsets) - 1] if include_last_offset else offsets
    bag = torch.bucketize(torch.arange(len(indices), device=indices.device), starts, right=True) - 1
    bag = bag.to(torch.int64)
    rows = aten.index_select(table, 0, indices.reshape(-1))
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    if padding_idx >= 0:
        there = (indices.reshape(-1) != padding_idx).nonzero().reshape(-1)
        rows, bag = rows.index_select(0, there), bag.index_select(0, there)
    empty = torch.zeros(len(starts), table.shape[1], dtype=table.dtype, device=table.device)
    sizes = torch.bincount(bag, minlength=len(starts))
    if mode == 2:
        # rows of a bag stand side by side
        parts = rows.split(sizes.tolist())
        out = torch.stack([part.amax(0) if len(part) else empty[0] for part in parts])
    else:
        out = empty.index_add(0, bag, rows)
        if mode == 1:
            out = out / sizes.clamp(min=1).to(table.dtype).unsqueeze(1)
    return out, bag, sizes, torch.zeros_like(sizes)


@recorded_as("_pack_padded_sequence")
def _pack_padded_sequence(active: IsActive, x: Tensor, lengths: Tensor, batch_first: bool) -> Any:
    """The rows that lie inside their sequences, time by time; the sizes of the batches are constants."""
    if active(lengths):
        return NotImplemented
    numbers = torch.arange(x.shape[0] * x.shape[1]).reshape(x.shape[0], x.shape[1], 1)
    places, sizes = aten._pack_padded_sequence(numbers, lengths, batch_first)
    rows = x.reshape(-1, *x.shape[2:])
    return rows.index_select(0, places.reshape(-1).to(x.device)), sizes


@recorded_as("nll_loss2d_forward")
def _nll_loss(
    active: IsActive, x: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """−weight·x at the target's class, of shape (B, H, W) or reduced; ignored places count 0."""
    counted = target != ignore_index
    classes = torch.where(counted, target, 0)
    weights = torch.ones(x.shape[1], dtype=x.dtype, device=x.device) if weight is None else weight
    weights = torch.where(counted, aten.index.Tensor(weights, [classes]), 0.0).to(x.dtype)
    loss = -x.gather(1, classes.unsqueeze(1)).squeeze(1) * weights
    if reduction == 0:
        return loss, torch.zeros((), dtype=x.dtype, device=x.device)
    total = weights.sum()
    return (loss.sum() / total if reduction == 1 else loss.sum()), total


@recorded_as("binary_cross_entropy")
def _binary_cross_entropy(
    active: IsActive, x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: int = 1
) -> Tensor:
    """−t·ln x − (1 − t)·ln(1 − x), logarithms no lower than −100 as in torch."""
    loss = -(target * x.log().clamp(min=-100) + (1 - target) * (-x).log1p().clamp(min=-100))
    return _reduced(loss if weight is None else loss * weight, reduction)


@recorded_as("soft_margin_loss")
def _soft_margin_loss(active: IsActive, x: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """ln(1 + e^{−t·x})."""
    return _reduced(torch.nn.functional.softplus(-target * x), reduction)


def _reduced(loss: Tensor, reduction: int) -> Tensor:
    return loss if reduction == 0 else loss.mean() if reduction == 1 else loss.sum()


@recorded_as("_pdist_forward")
def _pdist(active: IsActive, x: Tensor, p: float = 2) -> Tensor:
    """The norm of the difference of every two rows."""
    first, second = torch.triu_indices(len(x), len(x), 1, device=x.device)
    return torch.linalg.vector_norm(x.index_select(0, first) - x.index_select(0, second), p, -1)


@recorded_as("affine_grid_generator")
def _affine_grid(active: IsActive, theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Points of the unit grid, mapped."""
    n = theta.shape[1]
    unit = torch.eye(n, n + 1, dtype=theta.dtype, device=theta.device)[None]
    points = aten.affine_grid_generator(unit, [1, *size[1:]], align_corners).reshape(1, -1, n)
    points = torch.cat([points, torch.ones_like(points[..., :1])], -1).expand(len(theta), -1, -1)
    return torch.bmm(points, theta.mT).reshape(len(theta), *size[2:], n)


@recorded_as("_linalg_solve_ex")
def _solve(active: IsActive, a: Tensor, b: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """A⁻¹B, or BA⁻¹, with a constant matrix A."""
    if active(a):
        return NotImplemented
    vector = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    columns = b.unsqueeze(-1) if vector else b
    inverse = torch.linalg.inv(a)
    found = inverse @ columns if left else columns @ inverse
    # what torch needs for its derivative only
    factors, pivots, info = aten.linalg_lu_factor_ex(a)
    return (found.squeeze(-1) if vector else found), factors, pivots, info


@recorded_as("cholesky_solve")
def _cholesky_solve(active: IsActive, b: Tensor, factor: Tensor, upper: bool = False) -> Any:
    """A⁻¹B with the Cholesky factor of a constant matrix A."""
    return NotImplemented if active(factor) else torch.cholesky_inverse(factor, upper) @ b


@recorded_as("linalg_lu_solve")
def _lu_solve(
    active: IsActive, factors: Tensor, pivots: Tensor, b: Tensor, *, left: bool = True, adjoint: bool = False
) -> Any:
    """A⁻¹B, or BA⁻¹, with the LU factors of a constant matrix A."""
    if active(factors):
        return NotImplemented
    unit = torch.eye(factors.shape[-1], dtype=factors.dtype, device=factors.device).expand(factors.shape)
    inverse = torch.linalg.lu_solve(factors, pivots, unit, adjoint=adjoint)
    return inverse @ b if left else b @ inverse


@recorded_as("linalg_solve_triangular")
def _solve_triangular(
    active: IsActive, a: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """A⁻¹B, or BA⁻¹, with a constant triangular matrix A."""
    if active(a):
        return NotImplemented
    unit = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device).expand(a.shape)
    inverse = torch.linalg.solve_triangular(a, unit, upper=upper, unitriangular=unitriangular)
    return inverse @ b if left else b @ inverse


@recorded_as("convolution")
def _convolution(
    active: IsActive, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], transposed: bool, output_padding: Sequence[int],
    groups: int,
) -> Any:  # fmt: skip
    """A convolution whose weights depend on the inputs: patches times weights, a product of matrices."""
    if not active(weight) or x.dim() != weight.dim():
        return NotImplemented
    n = x.dim() - 2
    step, pad, dilate, extra = (
        list(value) * n if len(value) == 1 else list(value)
        for value in (stride, padding, dilation, output_padding)
    )
    kernel = list(weight.shape[2:])
    right = pad
    if transposed:  # a plain one of the flipped weights, over x with zeros between its entries
        inner = weight.flip(list(range(2, 2 + n))).unflatten(0, (groups, -1)).transpose(1, 2)
        weight = inner.reshape(-1, *inner.shape[2:])
        for d in range(n):
            x = _spread_out(x, 2 + d, step[d])
        pad = [dilate[d] * (kernel[d] - 1) - pad[d] for d in range(n)]
        right, step = [pad[d] + extra[d] for d in range(n)], [1] * n
    x = aten.constant_pad_nd(x, [size for d in reversed(range(n)) for size in (pad[d], right[d])])
    for d in range(n):
        x = x.unfold(2 + d, (kernel[d] - 1) * dilate[d] + 1, step[d])[..., :: dilate[d]]
    size, batch = list(x.shape[2 : 2 + n]), len(x)
    patches = x.unflatten(1, (groups, -1)).movedim(2, 2 + n)  # (B, group, *size, channel, *kernel)
    patches = patches.reshape(batch * groups, math.prod(size), -1)
    matrix = weight.reshape(1, groups, len(weight) // groups, -1).expand(batch, -1, -1, -1)
    found = torch.bmm(patches, matrix.reshape(batch * groups, len(weight) // groups, -1).mT)
    found = found.mT.reshape(batch, len(weight), *size)
    return found if bias is None else found + bias.reshape(-1, *[1] * n)


def _spread_out(x: Tensor, dim: int, step: int) -> Tensor:
    """Return x with step − 1 zeros between its entries along a dimension."""
    if step == 1:
        return x
    count, rest = x.shape[dim], x.dim() - dim - 1
    x = aten.constant_pad_nd(x.unsqueeze(dim + 1), [0, 0] * rest + [0, step - 1])
    return x.flatten(dim, dim + 1).narrow(dim, 0, (count - 1) * step + 1)


@recorded_as("grid_sampler_2d", "grid_sampler_3d")
def _grid_sampler(
    active: IsActive, x: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool
) -> Any:
    """Values of an image at fixed places: neighbours with constant weights.

    Args:
        active: Whether a tensor depends on the inputs; a grid that does is left as it is.
        x: Shape (B, C, *space).
        grid: Places, shape (B, *out, dimensions), from −1 to 1, the last dimension of space first.
        mode: 0 linear, 1 nearest, 2 cubic.
        padding: Outside of the image 0 zeros, 1 the border, 2 its mirror image.
        align_corners: Whether −1 and 1 are the middles of the outermost pixels, or their edges.

    Returns:
        Shape (B, C, *out).
    """
    if active(grid):
        return NotImplemented
    space = x.shape[2:]
    neighbours: list[list[tuple[Tensor, Tensor]]] = []  # dimension -> (place, weight) of each neighbour
    for d, size in enumerate(space):
        at = grid[..., len(space) - 1 - d]
        at = (at + 1) / 2 * (size - 1) if align_corners else ((at + 1) * size - 1) / 2
        neighbours.append(_neighbours(at, size, mode, padding, align_corners))
    flat = x.flatten(2)
    total: Tensor | None = None
    for choice in _combinations(neighbours):
        weight = functools.reduce(torch.mul, [w for _, w in choice])
        place = functools.reduce(
            lambda number, other: number * other[1] + other[0],
            [(p, size) for (p, _), size in zip(choice, space, strict=True)],
            torch.zeros_like(choice[0][0]),
        )
        picked = flat.gather(2, place.flatten(1).unsqueeze(1).expand(-1, x.shape[1], -1))
        part = picked.reshape(*x.shape[:2], *place.shape[1:]) * weight.unsqueeze(1)
        total = part if total is None else total + part
    return total


def _combinations(lists: list[list[Any]]) -> list[list[Any]]:
    return [[]] if not lists else [[one, *rest] for one in lists[0] for rest in _combinations(lists[1:])]


def _neighbours(at: Tensor, size: int, mode: int, padding: int, corners: bool) -> list[tuple[Tensor, Tensor]]:
    """Return numbers and weights of the pixels along one dimension between which places lie."""
    if mode != 2:  # linear and nearest bring the place itself inside, cubic each of the four pixels
        at = _inside(at, size, padding, corners)
    low = torch.round(at) if mode == 1 else torch.floor(at)
    share = at - low
    if mode == 1:
        taps = [(low, torch.ones_like(at))]
    elif mode == 0:
        taps = [(low, 1 - share), (low + 1, share)]
    else:
        taps = [(_inside(low + k, size, padding, corners), _cubic((share - k).abs())) for k in (-1, 0, 1, 2)]
    found = []
    for tap, weight in taps:
        there = (tap >= 0) & (tap <= size - 1)
        found.append((tap.clamp(0, size - 1).to(torch.int64), weight * there.to(weight.dtype)))
    return found


def _inside(at: Tensor, size: int, padding: int, corners: bool) -> Tensor:
    """Return places brought inside the image as the padding says; for zeros as they are."""
    if padding == 0:
        return at
    if padding == 2:
        low, span = (0.0, size - 1.0) if corners else (-0.5, float(size))
        if span == 0:
            return torch.zeros_like(at)
        away = (at - low).abs().remainder(2 * span)
        at = torch.minimum(away, 2 * span - away) + low
    return at.clamp(0, size - 1)


def _cubic(distance: Tensor, a: float = -0.75) -> Tensor:
    """The kernel of cubic convolution with torch's constant."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))

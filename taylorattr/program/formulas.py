"""Operations written with simpler ones: op name -> function of the same arguments.

What has no rule of its own but is a short formula of operations that have one is recorded as that formula
(`written_out`), so that every rule table, the balance and RevealCancel meet only operations they know. The
formula is part of the definition of the scores: a choice where an operation has several formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr.errors import MissingRuleError
from taylorattr.program.operations import check

aten = torch.ops.aten

FORMULAS: dict[str, Callable[..., Any]] = {}
"""Name of the operation (all overloads) -> its formula, with the operation's own signature."""


def formula(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that files one formula under operation names."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            check("the formulas", name)
        FORMULAS.update(dict.fromkeys(names, function))
        return function

    return add


@formula("addcmul")
def addcmul(base: Tensor, x: Tensor, y: Tensor, *, value: float = 1) -> Tensor:
    """base + value·x·y."""
    return base + x * y * value


@formula("addcdiv")
def addcdiv(base: Tensor, x: Tensor, y: Tensor, *, value: float = 1) -> Tensor:
    """base + value·x/y."""
    return base + x / y * value


@formula("lerp")
def lerp(start: Tensor, end: Tensor, weight: Any) -> Tensor:
    """start + weight·(end − start)."""
    return start + (end - start) * weight


@formula("addbmm")
def addbmm(bias: Tensor, x: Tensor, y: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta·bias + alpha·Σ_batch x @ y."""
    return beta * bias + alpha * torch.bmm(x, y).sum(0)


@formula("vdot", "inner")
def inner(x: Tensor, y: Tensor) -> Tensor:
    """Σ x_i y_i over the last dimension."""
    return x @ y.mT if y.dim() > 1 else (x * y).sum(-1)


@formula("_trilinear")
def trilinear(
    x: Tensor, y: Tensor, z: Tensor, one: Sequence[int], two: Sequence[int], three: Sequence[int],
    summed: Sequence[int], unroll_dim: int = 1,
) -> Tensor:  # fmt: skip
    """Σ x·y·z over dimensions, each factor given the dimensions it lacks (nn.Bilinear)."""
    factors = []
    for factor, dims in ((x, one), (y, two), (z, three)):
        for d in sorted(dims):
            factor = factor.unsqueeze(d)
        factors.append(factor)
    return (factors[0] * factors[1] * factors[2]).sum(list(summed))


@formula("linalg_cross")
def cross(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Component i is x_{i+1} y_{i+2} − x_{i+2} y_{i+1}."""
    x, y = torch.broadcast_tensors(x, y)
    one, two = (torch.tensor(t, device=x.device) for t in ([1, 2, 0], [2, 0, 1]))
    left = x.index_select(dim, one) * y.index_select(dim, two)
    return left - x.index_select(dim, two) * y.index_select(dim, one)


@formula("cumprod")
def cumprod(x: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Products of the first i entries, each a product of its own."""
    return torch.stack([part.prod(dim) for part in _prefixes(x, dim)], dim)


@formula("logcumsumexp")
def logcumsumexp(x: Tensor, dim: int) -> Tensor:
    """Logsumexp of the first i entries."""
    return torch.stack([part.logsumexp(dim) for part in _prefixes(x, dim)], dim)


@formula("cummax")
def cummax(x: Tensor, dim: int) -> tuple[Tensor]:
    """Maximum of the first i entries."""
    return (torch.stack([part.amax(dim) for part in _prefixes(x, dim)], dim),)


@formula("cummin")
def cummin(x: Tensor, dim: int) -> tuple[Tensor]:
    """Minimum of the first i entries."""
    return (torch.stack([part.amin(dim) for part in _prefixes(x, dim)], dim),)


def _prefixes(x: Tensor, dim: int) -> list[Tensor]:
    return [x.narrow(dim, 0, i + 1) for i in range(x.shape[dim])]


@formula("aminmax")
def aminmax(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """Smallest and largest entry."""
    dims = list(range(x.dim())) if dim is None else [dim]
    return x.amin(dims, keepdim), x.amax(dims, keepdim)


@formula("logaddexp")
def logaddexp(x: Tensor, y: Tensor) -> Tensor:
    """Logsumexp of two."""
    return torch.stack(torch.broadcast_tensors(x, y), -1).logsumexp(-1)


@formula("logaddexp2")
def logaddexp2(x: Tensor, y: Tensor) -> Tensor:
    """log₂(2^x + 2^y)."""
    return logaddexp(x * math.log(2), y * math.log(2)) / math.log(2)


@formula("var_mean")
def var_mean(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> tuple[Any, Any]:
    """Variance and mean."""
    dims = list(range(x.dim())) if dim is None or not len(dim) else dim
    return x.var(dims, correction=_one(correction), keepdim=keepdim), x.mean(dims, keepdim)


@formula("std_mean")
def std_mean(x: Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> tuple[Any, Any]:
    """Standard deviation and mean."""
    dims = list(range(x.dim())) if dim is None or not len(dim) else dim
    return x.std(dims, correction=_one(correction), keepdim=keepdim), x.mean(dims, keepdim)


def _one(correction: Any) -> Any:
    return 1 if correction is None else correction


@formula("norm", "linalg_vector_norm")
def norm(x: Tensor, order: float | None = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Tensor:
    """(Σ|x|^p)^{1/p}; Σ|x|, the largest or the smallest |x|, the number of x ≠ 0 for p = 1, ±∞, 0."""
    p = 2.0 if order is None else float(order)
    dims = [dim] if isinstance(dim, int) else list(dim or range(x.dim()))
    if p == 2:
        return torch.linalg.vector_norm(x, 2, dims, keepdim)
    if math.isinf(p):
        return x.abs().amax(dims, keepdim) if p > 0 else x.abs().amin(dims, keepdim)
    if p == 0:
        return (x != 0).to(x.dtype).sum(dims, keepdim)
    if p == 1:
        return x.abs().sum(dims, keepdim)
    return x.abs().pow(p).sum(dims, keepdim).pow(1 / p)


@formula("_cdist_forward")
def cdist(x: Tensor, y: Tensor, p: float, mode: Any = None) -> Tensor:
    """The norm of the difference of every pair of rows."""
    return norm(x.unsqueeze(-2) - y.unsqueeze(-3), p, [-1])


@formula("dist")
def dist(x: Tensor, y: Tensor, p: float = 2) -> Tensor:
    """The norm of the difference."""
    return norm(x - y, p)


@formula("mse_loss")
def mse_loss(x: Tensor, y: Tensor, reduction: int = 1) -> Tensor:
    """(x − y)²."""
    return _reduced((x - y).square(), reduction)


@formula("smooth_l1_loss", "huber_loss")
def robust_loss(x: Tensor, y: Tensor, reduction: int = 1, width: float = 1.0, *, huber: bool) -> Tensor:
    """Quadratic within the width and linear beyond: a function of x − y alone."""
    d, zero = x - y, torch.zeros((), dtype=x.dtype, device=x.device)
    function = aten.huber_loss if huber else aten.smooth_l1_loss
    return _reduced(function(d, zero.expand_as(d), 0, width), reduction)


def _reduced(losses: Tensor, reduction: int) -> Tensor:
    """0: every entry, 1: the mean, 2: the sum."""
    return losses if reduction == 0 else losses.mean() if reduction == 1 else losses.sum()


@formula("nll_loss_forward")
def nll_loss(x: Tensor, target: Tensor, weight: Any, reduction: int, ignored: int) -> tuple[Tensor]:
    """Minus the weighted entries at the targets."""
    kept = target != ignored
    place = torch.where(kept, target, 0).unsqueeze(-1)
    w = kept.to(x.dtype) if weight is None else torch.where(kept, weight[place.squeeze(-1)], 0.0)
    losses = -x.gather(-1, place).squeeze(-1) * w
    return (losses.sum() / w.sum() if reduction == 1 else _reduced(losses, reduction),)


@formula("rrelu_with_noise", "rrelu_with_noise_functional")
def rrelu(x: Tensor, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, *_: Any) -> Tensor:
    """Randomised leaky ReLU in evaluation mode: the mean slope."""
    return F.leaky_relu(x, (lower + upper) / 2)


@formula("deg2rad")
def deg2rad(x: Tensor) -> Tensor:
    """x·π/180."""
    return x * (math.pi / 180)


@formula("rad2deg")
def rad2deg(x: Tensor) -> Tensor:
    """x·180/π."""
    return x * (180 / math.pi)


@formula("clamp", "clamp_min", "clamp_max")
def clamp(x: Any, low: Any = None, high: Any = None) -> Tensor:
    """min(max(x, low), high) with bounds that are tensors."""
    x = x if low is None else torch.maximum(x, low)
    return x if high is None else torch.minimum(x, high)


@formula("upsample_bicubic2d")
def bicubic(x: Tensor, *rest: Any) -> Tensor:
    """A weighted sum along each of the two dimensions; some weights are negative."""
    h, w = x.shape[-2:]
    eye_h = torch.eye(h, dtype=x.dtype, device=x.device).reshape(1, h, h, 1).expand(1, h, h, w)
    eye_w = torch.eye(w, dtype=x.dtype, device=x.device).reshape(1, w, 1, w).expand(1, w, h, w)
    down = aten.upsample_bicubic2d(eye_h, *rest)[0, :, :, 0]  # (h, H)
    across = aten.upsample_bicubic2d(eye_w, *rest)[0, :, 0, :]  # (w, W)
    rows = (x.flatten(0, -2) @ across).reshape(*x.shape[:-1], -1)
    return (rows.mT.flatten(0, -2) @ down).reshape(*rows.mT.shape[:-1], -1).mT


@formula("max_pool1d_with_indices")
def max_pool1d(x: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> tuple[Tensor]:  # fmt: skip
    """A 2-d pool of one row."""

    def row(value: Any, other: int) -> list[int]:
        return [other, value if isinstance(value, int) else value[0]]

    step = row(stride, 1) if stride else row(kernel, 1)
    pooled = aten.max_pool2d_with_indices(
        x.unsqueeze(-2), row(kernel, 1), step, row(padding, 0), row(dilation, 1), ceil_mode
    )
    return (pooled[0].squeeze(-2),)


@formula("rms_norm")
def rms_norm(x: Tensor, shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    """RMSNorm as one operation."""
    return aten._fused_rms_norm(x, shape, weight, eps)[0]


@formula("_convolution")
def convolution(*arguments: Any) -> Tensor:
    """The convolution without its kernel's settings."""
    return aten.convolution(*arguments[:9])


@formula("scatter_reduce")
def scatter_reduce(
    base: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Sum, mean, product or extreme of the entries sent to each place; the index is a constant.

    Sums are scattered; for the others each place's candidates stand in a row, masked where they go elsewhere.

    Returns:
        In the shape of the target.

    Raises:
        MissingRuleError: If the index is narrower than the target in another dimension.
    """
    if any(index.shape[d] != base.shape[d] for d in range(base.dim()) if d != dim % base.dim()):
        raise MissingRuleError(
            f"scatter_reduce with an index of shape {tuple(index.shape)} into {tuple(base.shape)} has no "
            "rule; give the index the size of the target in every other dimension"
        )
    source = source[tuple(slice(n) for n in index.shape)]
    places = torch.arange(base.shape[dim], device=base.device)
    mask = index.movedim(dim, -1).unsqueeze(-2) == places.unsqueeze(-1)  # (…, place, entry)
    touched = mask.any(-1).movedim(-1, dim)
    if reduce in ("sum", "mean"):
        start = base if include_self else torch.where(touched, 0.0, base)
        total = start.scatter_add(dim, index, source)
        if reduce == "sum":
            return total
        count = mask.sum(-1).movedim(-1, dim) + (1 if include_self else 0)
        return total / count.clamp(min=1).to(base.dtype)
    neutral = {"prod": 1.0, "amax": -torch.inf, "amin": torch.inf}[reduce]
    rows = torch.where(mask, source.movedim(dim, -1).unsqueeze(-2), neutral)
    own = base.movedim(dim, -1).unsqueeze(-1)
    own = own if include_self else torch.where(touched.movedim(dim, -1).unsqueeze(-1), neutral, own)
    rows = torch.cat([own, rows], -1)
    found = rows.prod(-1) if reduce == "prod" else rows.amax(-1) if reduce == "amax" else rows.amin(-1)
    return found.movedim(-1, dim)


@formula("grid_sampler_2d", "grid_sampler_3d")
def grid_sampler(x: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Tensor:
    """Σ over all pixels p of x_p·Π_d max(0, 1 − |place_d − p_d|): linear interpolation without an index.

    So the difference between two grids is one of functions of the places, and not a switch of pixels.

    Args:
        x: Shape (B, C, *space).
        grid: Places, shape (B, *out, dimensions), the last dimension of space first.
        mode: 0, linear interpolation.
        padding: 0 zeros outside of the image, 1 its border.
        align_corners: Whether −1 and 1 are the middles of the outermost pixels, or their edges.

    Returns:
        Shape (B, C, *out).

    Raises:
        MissingRuleError: If the interpolation is not linear, or outside stands the mirror image.
    """
    if mode != 0 or padding == 2:
        raise MissingRuleError(
            "grid_sample with a grid that depends on the inputs has a rule for mode='bilinear' and "
            "padding_mode='zeros' or 'border' only"
        )
    space, places = x.shape[2:], grid.flatten(1, -2)  # (B, P, dimensions)
    found = x
    for d in reversed(range(len(space))):
        size, at = space[d], places[..., len(space) - 1 - d]
        at = (at + 1) / 2 * (size - 1) if align_corners else ((at + 1) * size - 1) / 2
        # on the border's last pixel torch's derivative is 0, as that of this clamp
        at = size - 1 - torch.relu(size - 1 - torch.relu(at)) if padding == 1 else at
        pixels = torch.arange(size, dtype=x.dtype, device=x.device).unsqueeze(1)
        away = pixels - at.unsqueeze(1)  # (B, size, P)
        # max(0, 1 − |away|) with torch's derivative of a place that lies on a pixel, that on its right
        weights = torch.relu(away - 1) - 2 * torch.relu(away) + torch.relu(away + 1)
        if d == len(space) - 1:
            found = torch.bmm(x.flatten(1, -2), weights).reshape(*x.shape[:-1], -1)
        else:
            lines = weights.reshape(len(x), *[1] * (d + 1), size, -1)
            found = (found * lines).sum(-2)
    return found.reshape(*x.shape[:2], *grid.shape[1:-1])

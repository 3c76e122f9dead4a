"""Which operations have kinks, and how the state of each is read from its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch._ops import OpOverload

from taylorattr.program.arguments import Arguments, named
from taylorattr.program.gates import Contest, Levels, State, Thresholds
from taylorattr.program.operations import check

aten = torch.ops.aten

Reader = Callable[[Arguments, Any], State]
"""Arguments and result -> state of the kinks."""


NONE = Levels(torch.zeros(0))
"""State of an operation that has no kinks as it is used."""


def _cuts(*positions: float) -> Reader:
    def read(a: Arguments, y: Any) -> State:
        # complex magnitudes are smooth away from 0
        return NONE if a["self"].is_complex() else _sides([a["self"] - p for p in positions])

    return read


def _sides(distances: Sequence[Tensor]) -> Thresholds:
    return Thresholds(torch.stack(torch.broadcast_tensors(*distances), -1).sign().to(torch.int8))


def _clamp(a: Arguments, y: Any) -> State:
    limits = [limit for limit in (a.get("min"), a.get("max")) if limit is not None]
    return _sides([a["self"] - limit for limit in limits])


def _comparison(a: Arguments, y: Any) -> State:
    return _sides([a["self"] - a["other"]])


def _larger(a: Arguments, y: Any) -> State:
    return Contest.of(torch.stack(torch.broadcast_tensors(a["self"], a["other"]), -1))


def _smaller(a: Arguments, y: Any) -> State:
    return Contest.of(-torch.stack(torch.broadcast_tensors(a["self"], a["other"]), -1))


def _extreme(sign: int) -> Reader:
    """max, min, amax, amin over some dimensions or all."""

    def read(a: Arguments, y: Any) -> State:
        x = sign * a["self"]
        dims = a.get("dim")
        dims = [dims] if isinstance(dims, int) else list(dims or range(x.dim()))
        last = list(range(x.dim() - len(dims), x.dim()))
        return Contest.of(x.movedim(dims, last).flatten(-len(dims)) if dims else x[None])

    return read


def _max_pool(n: int) -> Reader:
    return lambda a, y: Contest.of(
        windows(a["self"], y[0].shape[-n:], a["kernel_size"], a["stride"], a["padding"], a["dilation"])
    )


def windows(
    x: Tensor,
    out: Sequence[int],
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int] | int,
    dilation: Sequence[int] | int,
) -> Tensor:
    """Candidates of a max-pooling; padding never wins.

    Args:
        x: Input, shape (…, *spatial).
        out: Spatial shape of the output.
        kernel_size: Window, one number per spatial dimension.
        stride: Step; empty for the window itself.
        padding: Padding on the left.
        dilation: Step inside the window.

    Returns:
        Shape (…, *out, product of kernel_size).
    """
    n = len(out)
    kernel = _spread(kernel_size, n)
    step = _spread(stride, n) if stride else kernel
    pad, dilate = _spread(padding, n), _spread(dilation, n)
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilate, strict=True)]
    right = [(out[i] - 1) * step[i] + span[i] - x.shape[i - n] - pad[i] for i in range(n)]
    x = F.pad(x, [size for i in reversed(range(n)) for size in (pad[i], right[i])], value=-torch.inf)
    for span_i, step_i, dilate_i in zip(span, step, dilate, strict=True):
        x = x.unfold(x.dim() - n, span_i, step_i)[..., ::dilate_i]
    return x.flatten(-n)


def _spread(value: Sequence[int] | int, n: int) -> list[int]:
    """One number per dimension from a number, a list of one or a list of n."""
    listed = [value] if isinstance(value, int) else list(value)
    return listed * n if len(listed) == 1 else listed


def _both_ends(a: Arguments, y: Any) -> State:
    """aminmax: one contest for the largest, one for the smallest."""
    dims = [a["dim"]] if a["dim"] is not None else []
    x = a["self"].movedim(a["dim"], -1) if dims else a["self"].reshape(1, -1)
    return Contest.of(torch.stack([x, -x]))


def _norm(order: str) -> Reader:
    """The 1-norm has the kinks of abs, the ∞-norm is a contest; others are smooth away from 0."""

    def read(a: Arguments, y: Any) -> State:
        p = 2 if a[order] is None else a[order]
        if abs(p) == torch.inf:
            return _extreme(1 if p > 0 else -1)(a | {"self": a["self"].abs()}, y)
        if p == 0:
            return Levels(a["self"] != 0)
        return _sides([a["self"]]) if p == 1 and not a["self"].is_complex() else NONE

    return read


def _distance(a: Arguments, y: Any) -> State:
    """cdist: a norm of the difference of every pair."""
    return _norm("p")(a | {"self": a["x1"][..., :, None, :] - a["x2"][..., None, :, :], "dim": -1}, y)


def _loss(width: str) -> Reader:
    """Quadratic near 0 and linear outside."""

    def read(a: Arguments, y: Any) -> State:
        difference = a["self"] - a["target"]
        return _sides([difference - a[width], difference + a[width]] if a[width] else [difference])

    return read


def _sampled(a: Arguments, y: Any) -> State:
    """grid_sample: between which pixels each place lies."""
    sizes = torch.tensor(a["input"].shape[:1:-1], dtype=a["grid"].dtype, device=a["grid"].device)
    corners = a["align_corners"]
    at = (a["grid"] + 1) / 2 * (sizes - 1) if corners else ((a["grid"] + 1) * sizes - 1) / 2
    return Levels(at.round() if a["interpolation_mode"] == 1 else at.floor())


def _cast(a: Arguments, y: Any) -> State:
    return Levels(y) if a["self"].is_floating_point() else NONE


def is_smooth(op: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether an operation of the table has no kinks as it is used.

    Args:
        op: An operation of :data:`READERS`.
        args: Its positional arguments.
        kwargs: Its keyword arguments.

    Returns:
        True for casts to floats, plain division, and norms that are smooth away from 0.
    """
    a = named(op, args, kwargs)
    if op is aten._to_copy.default:
        return a["dtype"] is None or a["dtype"].is_floating_point or a["dtype"].is_complex
    if op in (aten.div.Tensor_mode, aten.div.Scalar_mode):
        return a["rounding_mode"] is None
    if op is aten.scatter_reduce.two:
        return a["reduce"] in ("sum", "mean", "prod")
    return op in _NORMS and (a[_NORMS[op]] is None or a[_NORMS[op]] not in (0, 1, torch.inf, -torch.inf))


_NORMS = {
    aten.linalg_vector_norm.default: "ord",
    aten.norm.ScalarOpt_dim: "p",
    aten.norm.Scalar: "p",
    aten._cdist_forward.default: "p",
    aten.dist.default: "p",
}
"""Name of the order."""

_BY_OVERLOAD: dict[OpOverload, Reader] = {
    # cut at fixed positions
    aten.relu.default: _cuts(0.0),
    aten.abs.default: _cuts(0.0),
    aten.sign.default: _cuts(0.0),
    aten.sgn.default: _cuts(0.0),
    aten.leaky_relu.default: _cuts(0.0),
    aten._prelu_kernel.default: _cuts(0.0),
    aten.elu.default: _cuts(0.0),
    aten.rrelu_with_noise_functional.default: _cuts(0.0),
    aten.special_i0e.default: _cuts(0.0),
    aten.special_i1e.default: _cuts(0.0),
    aten.celu.default: _cuts(0.0),
    aten.hardsigmoid.default: _cuts(-3.0, 3.0),
    aten.hardswish.default: _cuts(-3.0, 3.0),
    # cut at their arguments
    aten.hardtanh.default: lambda a, y: _sides([a["self"] - a["min_val"], a["self"] - a["max_val"]]),
    aten.threshold.default: lambda a, y: _sides([a["self"] - a["threshold"]]),
    aten.hardshrink.default: lambda a, y: _sides([a["self"] - a["lambd"], a["self"] + a["lambd"]]),
    aten.softshrink.default: lambda a, y: _sides([a["self"] - a["lambd"], a["self"] + a["lambd"]]),
    aten.heaviside.default: lambda a, y: _sides([a["self"]]),
    aten.signbit.default: _cuts(0.0),
    aten.copysign.Scalar: _cuts(0.0),
    aten.copysign.Tensor: lambda a, y: _sides([a["self"], a["other"]]),
    aten.grid_sampler_2d.default: _sampled,
    aten.grid_sampler_3d.default: _sampled,
    aten.smooth_l1_loss.default: _loss("beta"),
    aten.huber_loss.default: _loss("delta"),
    **dict.fromkeys(
        [aten.clamp.default, aten.clamp.Tensor, aten.clamp_min.default, aten.clamp_min.Tensor]
        + [aten.clamp_max.default, aten.clamp_max.Tensor],
        _clamp,
    ),
    **dict.fromkeys(
        [op for packet in (aten.gt, aten.ge, aten.lt, aten.le) for op in (packet.Tensor, packet.Scalar)],
        _comparison,
    ),
    **{op: _norm(order) for op, order in _NORMS.items()},
    aten._cdist_forward.default: _distance,
    aten.dist.default: lambda a, y: _norm("p")(a | {"self": a["self"] - a["other"]}, y),
    # contests
    aten.maximum.default: _larger,
    aten.fmax.default: _larger,
    aten.minimum.default: _smaller,
    aten.fmin.default: _smaller,
    **dict.fromkeys([aten.amax.default, aten.max.default, aten.max.dim], _extreme(1)),
    **dict.fromkeys([aten.amin.default, aten.min.default, aten.min.dim], _extreme(-1)),
    aten.aminmax.default: _both_ends,
    aten.max_pool2d_with_indices.default: _max_pool(2),
    aten.max_pool3d_with_indices.default: _max_pool(3),
    # discrete results
    **dict.fromkeys(
        [aten.round.default, aten.round.decimals, aten.floor.default, aten.ceil.default, aten.trunc.default]
        + [aten.floor_divide.default, aten.floor_divide.Scalar, aten.argmax.default, aten.argmin.default]
        + [aten.argsort.default, aten.argsort.stable, aten.bucketize.Tensor, aten.searchsorted.Tensor]
        + [aten.eq.Scalar, aten.eq.Tensor, aten.ne.Scalar, aten.ne.Tensor]
        + [aten.div.Tensor_mode, aten.div.Scalar_mode],
        lambda a, y: Levels(y),
    ),
    aten._to_copy.default: _cast,
    aten.scatter_reduce.two: lambda a, y: Levels(a["src"] == y.gather(a["dim"], a["index"])),
    aten.frac.default: lambda a, y: Levels((a["self"] - y).round()),
    aten.nan_to_num.default: lambda a, y: Levels(torch.isfinite(a["self"])),
    **dict.fromkeys(
        [aten.count_nonzero.default, aten.count_nonzero.dim_IntList], lambda a, y: Levels(a["self"] != 0)
    ),
    **dict.fromkeys([aten.median.default, aten.nanmedian.default], lambda a, y: Levels(a["self"] == y)),
    **dict.fromkeys(
        [aten.sort.default, aten.sort.stable, aten.topk.default, aten.kthvalue.default, aten.median.dim]
        + [aten.nanmedian.dim]
        + [aten.mode.default, aten.cummax.default, aten.cummin.default, aten.adaptive_max_pool2d.default]
        + [aten.adaptive_max_pool3d.default],
        lambda a, y: Levels(y[1]),
    ),
    **dict.fromkeys(
        [aten.remainder.Tensor, aten.remainder.Scalar, aten.fmod.Tensor, aten.fmod.Scalar]
        + [aten.remainder.Scalar_Tensor],
        lambda a, y: Levels(((a["self"] - y) / a["other"]).round()),
    ),
}

for _op in _BY_OVERLOAD:
    check("the count of kinks", _op.overloadpacket.__name__)

READERS = _BY_OVERLOAD
"""Operations with kinks. ``where`` and ``masked_fill`` are counted at the comparison behind their mask."""

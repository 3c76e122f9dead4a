"""Operations with a rule of their own or a formula, as functions of (B, 4); names are ATen's."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.methods.relevance.networks import D, draw

INDEX = torch.tensor([[0, 2, 2, 1]])
WEIGHT = draw(2, 4, 4, seed=21)


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[:, :2], x[:, 2:]


def positive(x: Tensor) -> tuple[Tensor, Tensor]:
    a, b = halves(x)
    return a.exp() + 0.1, b


def image(x: Tensor) -> Tensor:
    return torch.cat([x, x * x, x.flip(1)], 1).reshape(len(x), 1, 3, 4)


CASES: dict[str, Callable[[Tensor], Tensor]] = {
    "addcmul": lambda x: torch.addcmul(x, x.flip(1), x.roll(1, 1), value=0.5),
    "addcdiv": lambda x: torch.addcdiv(x, x.flip(1), 1 + x**2, value=0.5),
    "lerp": lambda x: torch.lerp(x, x.flip(1), x.sigmoid()) + torch.lerp(x, x.cos(), 0.3),
    "addbmm": lambda x: torch.addbmm(x, x[None], x.T[None] @ x[None]),
    "vdot": lambda x: torch.stack([torch.vdot(row, row.tanh()) for row in x]),
    "inner": lambda x: torch.inner(x, x.tanh()[:1]),
    "outer": lambda x: torch.stack([torch.outer(row, row.flip(0)) for row in x]),
    "_trilinear": lambda x: F.bilinear(x, x.tanh(), WEIGHT),
    "linalg_cross": lambda x: torch.linalg.cross(x[:, :3], x[:, 1:].tanh()),
    "cumprod": lambda x: x.cumprod(1),
    "logcumsumexp": lambda x: x.logcumsumexp(1),
    "cummax": lambda x: x.cummax(1).values,
    "cummin": lambda x: x.cummin(1).values,
    "aminmax": lambda x: torch.stack(torch.aminmax(x, dim=1), 1),
    "logaddexp": lambda x: torch.logaddexp(*halves(x)),
    "logaddexp2": lambda x: torch.logaddexp2(*halves(x)),
    "var_mean": lambda x: torch.stack(torch.var_mean(x, 1), 1),
    "std_mean": lambda x: torch.stack(torch.std_mean(x, 1), 1),
    "linalg_vector_norm": lambda x: torch.stack(
        [torch.linalg.vector_norm(x, p, 1) for p in (1, 2, 3, 2.5, torch.inf, -torch.inf, 0)], 1
    ),
    "norm": lambda x: x.norm(1, dim=1, keepdim=True),
    "_cdist_forward": lambda x: torch.cdist(x.reshape(-1, 2, 2), x.tanh().reshape(-1, 2, 2), 1.0),
    "mse_loss": lambda x: F.mse_loss(x, x.tanh().flip(1), reduction="none"),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, x.flip(1), reduction="none", beta=0.7),
    "huber_loss": lambda x: F.huber_loss(x, x.flip(1), reduction="none", delta=0.7),
    "rrelu_with_noise_functional": lambda x: torch.ops.aten.rrelu_with_noise_functional(
        x, torch.zeros_like(x), 0.1, 0.3, False
    )[0],
    "deg2rad": lambda x: torch.deg2rad(100 * x),
    "clamp by values": lambda x: x.clamp(x.flip(1) - 1, x.roll(1, 1) + 1),
    "upsample_bicubic2d": lambda x: F.interpolate(image(x), size=(5, 6), mode="bicubic"),
    "_upsample_bilinear2d_aa": lambda x: F.interpolate(image(x), size=(2, 2), mode="bilinear", antialias=True),  # noqa: E501
    "_upsample_nearest_exact2d": lambda x: F.interpolate(image(x), size=(5, 6), mode="nearest-exact"),
    "max_unpool2d": lambda x: F.max_unpool2d(image(x)[:, :, :1, :2], torch.tensor([[[[0, 3]]]]).expand(len(x), 1, 1, 2), (2, 2)),  # fmt: skip  # noqa: E501
    "scatter_reduce sum": lambda x: x.scatter_reduce(1, INDEX.expand(len(x), 4), x.cos(), "sum"),
    "scatter_reduce mean": lambda x: x.scatter_reduce(
        1, INDEX.expand(len(x), 4), x.cos(), "mean", include_self=False
    ),
    "scatter_reduce prod": lambda x: x.scatter_reduce(1, INDEX.expand(len(x), 4), x.cos(), "prod"),
    "scatter_reduce amax": lambda x: x.scatter_reduce(
        1, INDEX.expand(len(x), 4), x.cos() - 1, "amax", include_self=False
    ),
    "scatter_reduce amin": lambda x: x.scatter_reduce(1, INDEX.expand(len(x), 4), x.cos(), "amin"),
    "index_copy": lambda x: x.index_copy(1, torch.tensor([2, 0]), x[:, :2].cos()),
    "index_fill": lambda x: x.index_fill(1, torch.tensor([2, 0]), 0.7),
    "masked_scatter": lambda x: x.masked_scatter(torch.tensor([True, False, False, True]), x.cos()),
    # functions of two values
    "atan2": lambda x: torch.atan2(*halves(x)),
    "hypot": lambda x: torch.hypot(*halves(x)),
    "pow": lambda x: torch.pow(*positive(x)),
    "xlogy": lambda x: torch.xlogy(*reversed(positive(x))) + torch.xlogy(0.3, positive(x)[0]),
    "special_xlog1py": lambda x: torch.special.xlog1py(*reversed(positive(x))),
    "remainder": lambda x: torch.remainder(*reversed(positive(x))) + torch.remainder(x, 0.4)[:, :2],
    "fmod": lambda x: torch.fmod(*reversed(positive(x))),
    "copysign": lambda x: torch.copysign(*halves(x)),
    "floor_divide": lambda x: torch.floor_divide(*reversed(positive(x))) + (3 * x[:, :2]) // 0.7,
    "div": lambda x: torch.div(*reversed(positive(x)), rounding_mode="trunc") + torch.div(x, 0.3, rounding_mode="floor")[:, :2],  # noqa: E501
    "heaviside": lambda x: torch.heaviside(x, torch.tensor(0.5, dtype=D)) * x,
    "_prelu_kernel": lambda x: torch.cat([F.prelu(row[None, :2], row[2:3].tanh()) for row in x]),
    # order statistics
    "sort": lambda x: x.sort(1, descending=True).values + x.sort(1).values ** 2,
    "topk": lambda x: x.topk(2, 1).values + x.topk(2, 1, largest=False).values ** 2,
    "median": lambda x: x.median(1).values,
    "nanmedian": lambda x: x.nanmedian(1, keepdim=True).values,
    "kthvalue": lambda x: x.kthvalue(3, 1).values,
}  # fmt: skip
"""Every one is complete between any two points."""

TOGETHER = {"addbmm", "inner", "masked_scatter"}
"""Operations that mix examples."""

"""One small scalar function per operation, on x of shape (1, 6) with entries in (0.2, 1.2)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

_G = torch.Generator().manual_seed(7)


def _w(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=_G, dtype=torch.float64) * 0.5


W66, W65, W33, B6, B5 = _w(6, 6), _w(6, 5), _w(3, 3), _w(6), _w(5)
C1, C1T, C2, C2T, C3, C3T = (
    _w(2, 3, 2),
    _w(3, 2, 2),
    _w(2, 1, 2, 2),
    _w(1, 2, 2, 2),
    _w(2, 1, 1, 2, 2),
    _w(1, 2, 1, 2, 2),
)
CG = _w(4, 1, 2)
MASK = torch.tensor([[True, False, True, True, False, True]])
INDEX = torch.tensor([[3, 0, 0, 5]])
DISTINCT = torch.tensor([[3, 0, 1, 5]])
R6 = _w(6)

Case = Callable[[Tensor], Tensor]


def mixed(x: Tensor) -> Tensor:
    """Affine image with entries near x, so that every operation sees dependent values."""
    return x + 0.2 * (x @ W66.to(x))


def closing(y: Tensor) -> Tensor:
    """A nonlinear scalar of whatever an operation returns, one per row of a batch of one."""
    flat = y.reshape(1, -1)
    weights = torch.linspace(-1.0, 1.3, flat.shape[1], dtype=y.dtype)
    return (torch.sin(0.7 * flat) * weights).sum(1) + 0.1 * flat.square().sum(1)


SMOOTH: dict[str, Case] = {
    name: getattr(torch, name)
    for name in (
        "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh",
        "atan", "asinh", "sqrt", "rsqrt", "reciprocal", "square", "sigmoid", "erf", "erfc",
    )
}  # fmt: skip
SMOOTH |= {
    "asin": lambda x: torch.asin(0.5 * x),
    "acos": lambda x: torch.acos(0.5 * x),
    "atanh": lambda x: torch.atanh(0.5 * x),
    "acosh": lambda x: torch.acosh(1.5 + x),
    "logit": lambda x: torch.logit(0.1 + 0.4 * x),
    "softplus": F.softplus,
    "softplus_beta": lambda x: F.softplus(x, beta=2.5, threshold=2.0),
    "log_sigmoid": F.logsigmoid,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "elu": lambda x: F.elu(x - 0.7, 0.8),
    "celu": lambda x: F.celu(x - 0.7, 1.3),
    "selu": lambda x: F.selu(x - 0.7),
    "hardswish": lambda x: F.hardswish(x - 0.7),
    "ndtr": torch.special.ndtr,
    "pow_3": lambda x: x**3,
    "pow_2.5": lambda x: x**2.5,
    "pow_-2": lambda x: x**-2,
    "pow_scalar_base": lambda x: 1.7**x,
    "pow_tensor": lambda x: torch.pow(x, x.flip(1)),
    "pow_exponents": lambda x: torch.pow(x, torch.tensor([0.0, 1.0, 2.0, 3.0, 0.5, -1.0], dtype=x.dtype)),
}
LINEAR: dict[str, Case] = {
    "add": lambda x: torch.add(x, x.flip(1), alpha=0.3) + B6,
    "sub": lambda x: 1 - (x - x.roll(1, 1)) - B6,
    "neg": lambda x: -x,
    "mul_constant": lambda x: x * B6,
    "div_constant": lambda x: x / (2 + B6),
    "rsub": lambda x: torch.rsub(x, 2.0, alpha=3),
    "linear": lambda x: F.linear(x, W65.T, B5),
    "matmul_left": lambda x: W33 @ x.view(2, 3).T,
    "bmm_constant": lambda x: (
        torch.bmm(x.view(2, 3, 1), _REPEATED) + torch.bmm(_COLUMN, x.view(2, 1, 3)).sum()
    ),
    "baddbmm_constant": lambda x: torch.baddbmm(_COLUMN, x.view(2, 3, 1), _ONE, beta=0.5, alpha=2),
    "mv": lambda x: torch.mv(W66, x[0]),
    "dot_constant": lambda x: torch.dot(x[0], B6),
    "einsum_constant": lambda x: torch.einsum("bij,jk->bik", x.view(1, 2, 3), W33),
    "view_permute": lambda x: x.view(1, 2, 3).permute(0, 2, 1).reshape(1, 6) * R6,
    "transpose_t": lambda x: (
        x.view(2, 3).t().transpose(0, 1).mT * torch.arange(6.0, dtype=x.dtype).view(3, 2)
    ),
    "unsqueeze_squeeze": lambda x: x.unsqueeze(1).squeeze(1) * R6,
    "expand": lambda x: x.view(6, 1).expand(6, 3) * _W63,
    "cat_stack": lambda x: torch.cat([torch.stack([x, x * 2], 1).view(1, 12), B5[None]], 1),
    "split_chunk": lambda x: x.split(4, 1)[0] * x.chunk(3, 1)[1].sum(),
    "split_sizes": lambda x: x.split([1, 2, 3], 1)[2] + x.split([1, 2, 3], 1)[0],
    "select_slice": lambda x: x[:, 1::2] + x[:, 2],
    "unbind": lambda x: x.view(2, 3).unbind(0)[1],
    "flip_roll": lambda x: x.flip(1) + x.roll(2, 1) * 0.1,
    "gather": lambda x: x.gather(1, INDEX),
    "index_select": lambda x: x.index_select(1, INDEX[0]),
    "index": lambda x: x[:, INDEX[0]] + x[:, [1]],
    "boolean_index": lambda x: x[MASK],
    "index_put": lambda x: torch.zeros(1, 6, dtype=x.dtype).index_put(
        (torch.tensor([0]), torch.tensor([2])), x[0, 1]
    ),
    "scatter": lambda x: torch.ones(1, 6, dtype=x.dtype).scatter(1, DISTINCT, x[:, :4]),
    "scatter_add": lambda x: x.scatter_add(1, INDEX, x[:, :4] * 0.5),
    "slice_scatter": lambda x: torch.slice_scatter(B6[None].to(x), x[:, :3] * 2, 1, 1, 4),
    "select_scatter": lambda x: torch.select_scatter(x, x[:, 0] * 0.5, 1, 2),
    "masked_fill": lambda x: x.masked_fill(MASK, 0.3),
    "where_constant": lambda x: torch.where(MASK, x, B6.to(x)),
    "pad": lambda x: F.pad(x, (1, 2), value=0.7),
    "pad_reflect": lambda x: F.pad(x[None], (2, 1), mode="reflect"),
    "pad_replicate": lambda x: F.pad(x[None], (2, 1), mode="replicate"),
    "tril": lambda x: (x.view(2, 3) * 1.0).tril(),
    "diagonal": lambda x: x.view(2, 3).diagonal(),
    "repeat": lambda x: x.repeat(1, 2) * torch.arange(12.0, dtype=x.dtype),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1) * torch.arange(12.0, dtype=x.dtype),
    "unfold": lambda x: x.unfold(1, 3, 2),
    "im2col": lambda x: F.unfold(x.view(1, 1, 2, 3), 2),
    "cumsum": lambda x: x.cumsum(1),
    "sum_mean": lambda x: x.view(1, 2, 3).sum(1) + x.view(1, 2, 3).mean(2, keepdim=True).mean(),
    "conv1d": lambda x: F.conv1d(x.view(1, 3, 2), C1.to(x), B5[:2].to(x), padding=1),
    "conv1d_groups": lambda x: F.conv1d(x.view(1, 2, 3), CG.to(x), groups=2, dilation=2),
    "conv1d_same": lambda x: F.conv1d(x.view(1, 1, 6), C2.view(2, 1, 4).to(x), padding="same"),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x.view(1, 3, 2), C1T.to(x), stride=2, output_padding=1),
    "conv2d": lambda x: F.conv2d(x.view(1, 1, 2, 3), C2.to(x), B5[:2].to(x), padding=1, stride=2),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x.view(1, 1, 2, 3), C2T.to(x), stride=2),
    "conv3d": lambda x: F.conv3d(x.view(1, 1, 1, 2, 3), C3.to(x)),
    "conv_transpose3d": lambda x: F.conv_transpose3d(x.view(1, 1, 1, 2, 3), C3T.to(x)),
    "avg_pool1d": lambda x: F.avg_pool1d(x[None], 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x.view(1, 1, 2, 3), 2, 1, 1),
    "avg_pool3d": lambda x: F.avg_pool3d(x.view(1, 1, 1, 2, 3), (1, 2, 2), 1),
    "adaptive_avg_pool": lambda x: F.adaptive_avg_pool2d(x.view(1, 1, 2, 3), (1, 2)),
    "upsample_nearest": lambda x: F.interpolate(x.view(1, 1, 2, 3), scale_factor=2),
    "upsample_bilinear": lambda x: F.interpolate(x.view(1, 1, 2, 3), scale_factor=2, mode="bilinear"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(torch.cat([x, x[:, :2] * 2], 1).view(1, 4, 1, 2), 2),
    "embedding": lambda x: F.embedding(torch.tensor([2, 0, 2]), x.view(3, 2)),
    "batch_norm": lambda x: F.batch_norm(
        x.view(1, 2, 3), B5[:2].to(x), B6[:2].abs().to(x), B5[1:3].to(x), B6[1:3].to(x)
    ),
    "in_place": lambda x: _in_place(x),
    "detach_clone": lambda x: x.clone().detach(),
}
PRODUCTS: dict[str, Case] = {
    "mul": lambda x: x * x.flip(1),
    "mul_self": lambda x: x * x,
    "mul_broadcast": lambda x: x.view(6, 1) * x.view(1, 6)[:, :4],
    "mul_rank": lambda x: x.view(1, 2, 3) * x[0, :3],
    "div": lambda x: x / x.roll(1, 1),
    "div_scalar_active": lambda x: 1.5 / x,
    "mm": lambda x: x.view(2, 3) @ x.view(3, 2),
    "bmm": lambda x: torch.bmm(x.view(2, 1, 3), x.view(2, 3, 1)),
    "addmm": lambda x: torch.addmm(x[0, :2], x.view(2, 3), x.view(3, 2), beta=0.3, alpha=0.7),
    "baddbmm": lambda x: torch.baddbmm(x[0, :1], x.view(2, 1, 3), x.view(2, 3, 1), beta=0.5, alpha=2),
    "matmul_batch": lambda x: x.view(1, 2, 3) @ x.view(3, 2),
    "mv_active": lambda x: torch.mv(x.view(2, 3), x[0, :3]),
    "dot": lambda x: torch.dot(x[0], x[0].flip(0)),
    "einsum": lambda x: torch.einsum("bij,bkj->bik", x.view(1, 2, 3), x.view(1, 2, 3)),
    "outer": lambda x: torch.outer(x[0, :2], x[0, 2:]),
    "addcmul": lambda x: torch.addcmul(x, x.flip(1), x.roll(1, 1), value=0.3),
    "addcdiv": lambda x: torch.addcdiv(x, x.flip(1), x.roll(1, 1), value=0.3),
    "lerp": lambda x: torch.lerp(x, x.flip(1), 0.3) + torch.lerp(x, x.roll(1, 1), x),
    "prod": lambda x: x.prod(1) + x.view(1, 2, 3).prod(2).sum(),
    "prod_zero": lambda x: (x - x.detach() * torch.tensor([1.0, 0, 0, 1.0, 0, 0], dtype=x.dtype)).prod(1),
    "cumprod": lambda x: x.cumprod(1),
    "xlogy": lambda x: torch.xlogy(x, x.flip(1)) + torch.xlogy(x, 0.3) + torch.xlogy(2.0, x),
    "xlogy_zero": lambda x: (
        torch.xlogy(MASK.to(x.dtype), x - 0.1 * x[0, 1].detach() * ~MASK) + torch.xlogy(x, B6**2)
    ),
    "xlog1py": lambda x: torch.special.xlog1py(x, x.flip(1)) + torch.special.xlog1py(B6, x),
    "atan2": lambda x: torch.atan2(x - 0.7, x.flip(1) - 0.9) + torch.atan2(B6, x[0]) + torch.atan2(-x, B6),
    "hypot": lambda x: torch.hypot(x, x.flip(1)) + torch.hypot(x, B6),
    "cross": lambda x: torch.linalg.cross(x[:, :3], x[:, 3:]) + torch.linalg.cross(x.view(2, 3), x[:, :3]),
    "cross_constant": lambda x: torch.cross(x.view(3, 2), B6.to(x).view(3, 2), dim=0),
    "conv_active": lambda x: F.conv2d(x.view(1, 1, 2, 3), x[:, :4].view(1, 1, 2, 2), padding=1),
}
COMPOSITE: dict[str, Case] = {
    "softmax": lambda x: F.softmax(x.view(1, 2, 3), -1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "logsumexp": lambda x: x.view(1, 2, 3).logsumexp((1, 2)) + x.logsumexp(1),
    "logaddexp": lambda x: torch.logaddexp(x, x.flip(1)),
    "layer_norm": lambda x: F.layer_norm(x.view(1, 2, 3), (3,), B5[:3].to(x), B6[:3].to(x)),
    "group_norm": lambda x: F.group_norm(x.view(1, 2, 3), 2, B5[:2].to(x), B6[:2].to(x)),
    "rms_norm": lambda x: F.rms_norm(x, (6,), B6.to(x), 1e-5),
    "instance_norm": lambda x: F.instance_norm(x.view(1, 2, 3)),
    "var_std": lambda x: x.var(1) + x.view(1, 2, 3).std(2).sum(),
    "var_mean": lambda x: sum(torch.var_mean(x.view(1, 2, 3), (1, 2), correction=0)),
    "std_mean": lambda x: torch.std_mean(x, 1)[0],
    "norm": lambda x: x.norm(dim=1) + x.norm(p=3, dim=1),
    "cosine_similarity": lambda x: F.cosine_similarity(x[:, :3], x[:, 3:]),
    "normalize": lambda x: F.normalize(x),
    "glu": lambda x: F.glu(x),
    "mse": lambda x: F.mse_loss(x, x.flip(1))[None],
    "attention": lambda x: F.scaled_dot_product_attention(
        x.view(1, 3, 2), x.flip(1).view(1, 3, 2), x.view(1, 3, 2)
    ),
    "attention_mask": lambda x: F.scaled_dot_product_attention(
        x.view(1, 3, 2), x.flip(1).view(1, 3, 2), x.view(1, 3, 2), is_causal=True
    ),
    "bilinear": lambda x: F.bilinear(x[:, :3], x[:, 3:], _TRIPLE.to(x)),
}
KINKS: dict[str, Case] = {
    "relu": lambda x: F.relu(x - 0.7),
    "leaky_relu": lambda x: F.leaky_relu(x - 0.7, 0.2),
    "relu6": lambda x: F.relu6(8 * x),
    "prelu": lambda x: F.prelu(x - 0.7, torch.tensor([0.3], dtype=x.dtype)),
    "abs": lambda x: (x - 0.7).abs(),
    "hardtanh": lambda x: F.hardtanh(3 * x - 2),
    "hardsigmoid": lambda x: F.hardsigmoid(8 * x - 5),
    "clamp": lambda x: x.clamp(0.5, 0.9) + x.clamp(min=0.6),
    "clamp_tensor": lambda x: torch.clamp(x, min=x.flip(1), max=torch.full((6,), 0.9, dtype=x.dtype)),
    "maximum": lambda x: torch.maximum(x, x.flip(1)) + torch.minimum(x, B6.to(x)),
    "max_dim": lambda x: x.view(1, 2, 3).max(2)[0],
    "amax_amin": lambda x: x.view(1, 2, 3).amax((1, 2)) * x.amin(1),
    "max_min": lambda x: x.max()[None] + x.min(),
    "max_pool1d": lambda x: F.max_pool1d(x[None], 2),
    "max_pool2d": lambda x: F.max_pool2d(x.view(1, 1, 2, 3), 2, 1),
    "max_pool3d": lambda x: F.max_pool3d(x.view(1, 1, 1, 2, 3), (1, 2, 2), 1),
    "adaptive_max_pool": lambda x: F.adaptive_max_pool2d(x.view(1, 1, 2, 3), (1, 2)),
    "where": lambda x: torch.where(x > 0.7, x * x, x.flip(1)),
    "sort_topk": lambda x: x.sort(1)[0] * R6 + x.topk(2, 1)[0].sum(),
    "threshold": lambda x: F.threshold(x, 0.6, 0.1),
    "softshrink": lambda x: F.softshrink(x, 0.6),
    "hardshrink": lambda x: F.hardshrink(x, 0.6),
    "band": lambda x: torch.where((x > 0.4) & (x < 1), x * x, x),
    "band_complement": lambda x: torch.where(~((x > 0.4) ^ (x > 1)) | (x < 0.3), x * x, x),
    "logical": lambda x: torch.where(torch.logical_and(x > 0.4, torch.logical_not(x > 1)), x * x, x),
    "isclose": lambda x: torch.where(torch.isclose(x, x.flip(1), rtol=0.5), x * x, x),
    "remainder": lambda x: torch.remainder(3 * x, -0.7) + x % x.flip(1) + 1.7 % x + B6 % x + x % B6,
    "fmod": lambda x: torch.fmod(3 * x - 2, 0.7) + torch.fmod(x, 0.4 * x[0, :1]) + torch.fmod(x, B6),
    "aminmax": lambda x: x.aminmax()[0] + x.view(1, 2, 3).aminmax(dim=2)[1],
    "median": lambda x: x.median() + x.view(2, 3).median(1)[0] * x.view(2, 3).median(0, True)[0].nanmedian(),
    "kthvalue_mode": lambda x: x.kthvalue(2, 1)[0] + x.view(2, 3).kthvalue(2, 0, True)[0] * x.mode(1)[0],
    "cummax_cummin": lambda x: x.cummax(1)[0] * R6 + x.view(2, 3).cummin(0)[0].sum(),
    "smooth_l1": lambda x: F.smooth_l1_loss(x, x.flip(1), reduction="none", beta=0.4),
    "smooth_l1_sharp": lambda x: F.smooth_l1_loss(x, B6[None], beta=0.0)[None],
    "huber": lambda x: F.huber_loss(3 * x, x.flip(1), delta=0.8)[None],
    "l1_norm": lambda x: (x - 0.7).norm(p=1, dim=1) + (x - 0.7).norm(p=float("inf"), dim=1),
}
CASES: dict[str, Case] = SMOOTH | LINEAR | PRODUCTS | COMPOSITE | KINKS

REFERENCES: dict[str, Case] = {
    # torch rounds 1/α to float32 in the derivative of celu; the others have no forward-mode derivative
    "celu": lambda x: torch.where(x > 0.7, x - 0.7, 1.3 * torch.expm1((x - 0.7) / 1.3)),
    "hardsigmoid": lambda x: ((8 * x - 5) / 6 + 0.5).clamp(0, 1),
    "glu": lambda x: x[:, :3] * torch.sigmoid(x[:, 3:]),
    "remainder": lambda x: (
        _modulo(3 * x, torch.tensor(-0.7, dtype=x.dtype))
        + _modulo(x, x.flip(1))
        + _modulo(torch.tensor(1.7, dtype=x.dtype), x)
        + _modulo(B6, x)
        + _modulo(x, B6)
    ),
}
"""The same functions in words that nested torch.func differentiates correctly."""

_W63, _TRIPLE = _w(6, 3), _w(2, 3, 3)
_REPEATED, _COLUMN, _ONE = _w(1, 1, 2).expand(2, 1, 2), _w(2, 3, 1), _w(2, 1, 1)


def _modulo(x: Tensor, y: Tensor) -> Tensor:
    return x - torch.floor(x.detach() / y.detach()) * y


def _in_place(x: Tensor) -> Tensor:
    y = x * 2
    y[:, 1:3] += x[:, :2]
    y[:, 4] = x[:, 0]
    return y.mul_(1.5)

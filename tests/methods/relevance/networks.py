"""Networks in float64 that module hooks get wrong, and single operations, with a point to explain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

D = torch.float64
Case = tuple[Callable[..., Tensor], tuple[Tensor, ...], tuple[Tensor, ...]]
"""Model with outputs (B, …), inputs (B, …), baselines (1, …)."""


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(1009 * seed + sum(shape)))


def seeded(build: Callable[[], Any], seed: int = 0) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
    return model.to(D).eval()


def readout(model: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """(B,) from any output: a weighted sum, so that no entry drops out."""

    def scalar(*xs: Tensor) -> Tensor:
        flat = model(*xs).flatten(1)
        return (flat * torch.linspace(0.5, 1.5, flat.shape[1], dtype=flat.dtype)).sum(1)

    return scalar


class Written(nn.Module):
    def __init__(self, forward: Callable[..., Tensor], **children: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, *xs: Tensor) -> Tensor:
        return self._forward(self, *xs)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    **{
        name: getattr(nn, name)
        for name in (
            "ReLU GELU SiLU Mish Softplus ELU SELU CELU Sigmoid LogSigmoid Hardtanh LeakyReLU PReLU Softsign "
            "Hardswish Hardsigmoid ReLU6 Tanhshrink Softshrink Hardshrink Tanh"
        ).split()
    },
    "Softmax": lambda: nn.Softmax(-1),
    "LogSoftmax": lambda: nn.LogSoftmax(-1),
    "Threshold": lambda: nn.Threshold(0.1, 0.2),
    "GELU tanh": lambda: nn.GELU(approximate="tanh"),
}


def perceptron(activation: str) -> nn.Module:
    return seeded(
        lambda: nn.Sequential(
            nn.Linear(6, 6), ACTIVATIONS[activation](), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)
        )
    )


def convolutional(*pools: nn.Module) -> nn.Module:
    """conv – BN – ReLU – pool, twice, the second pool before its ReLU."""

    def build() -> nn.Module:
        first, second = pools
        norm = nn.BatchNorm2d(4)
        for t in (norm.running_mean, norm.weight, norm.bias):
            nn.init.uniform_(t, -0.5, 1.5)
        nn.init.uniform_(norm.running_var, 0.5, 2)
        return nn.Sequential(
            nn.Conv2d(2, 4, 3),
            norm,
            nn.ReLU(inplace=True),
            first,
            nn.Conv2d(4, 4, 3, padding=1),
            second,
            nn.ReLU(),
            nn.Flatten(),
            nn.LazyLinear(3),
        )

    def ready() -> nn.Module:
        model = build()
        model.eval()
        model(torch.zeros(1, 2, 13, 13))
        return model

    return seeded(ready)


POOLS: dict[str, tuple[nn.Module, nn.Module]] = {
    "k3 s2 padded ceil": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2)),
    "k3 s1": (nn.MaxPool2d(3, 1), nn.MaxPool2d(3, 1)),
    "dilated": (nn.MaxPool2d(2, 1, dilation=2), nn.AvgPool2d(2, 1)),
    "adaptive": (nn.AdaptiveMaxPool2d((5, 4)), nn.AdaptiveAvgPool2d(2)),
}


def residual() -> nn.Module:
    def forward(m: Any, x: Tensor) -> Tensor:
        for layer in m.layers:
            x = x + F.relu(layer(x))
        return x

    return seeded(lambda: Written(forward, layers=nn.ModuleList(nn.Linear(4, 4) for _ in range(3))))


def reused() -> nn.Module:
    return seeded(
        lambda: Written(lambda m, x: m.act(m.lin(m.act(m.lin(x)))), lin=nn.Linear(4, 4), act=nn.ReLU())
    )


def gated() -> nn.Module:
    return seeded(
        lambda: Written(
            lambda m, x: m.a(x).sigmoid() * m.b(x).tanh() / (1 + m.c(x) ** 2),
            a=nn.Linear(4, 3),
            b=nn.Linear(4, 3),
            c=nn.Linear(4, 3),
        )
    )


def transformer(activation: str = "gelu", norm_first: bool = False) -> nn.Module:
    return seeded(
        lambda: nn.TransformerEncoderLayer(
            8, 2, 16, activation=activation, batch_first=True, norm_first=norm_first
        )
    )


def recurrent(cell: type[nn.Module]) -> nn.Module:
    return seeded(lambda: Written(lambda m, x: m.r(x)[0], r=cell(3, 4, batch_first=True)))


MASK = torch.ones(5, 5).triu(1).bool()

NETWORKS: dict[str, Case] = {
    **{
        f"pool {name}": (convolutional(*pools), (draw(3, 2, 13, 13),), (draw(1, 2, 13, 13),))
        for name, pools in POOLS.items()
    },
    "residual": (residual(), (draw(3, 4),), (draw(1, 4),)),
    "reused": (reused(), (draw(3, 4),), (draw(1, 4),)),
    "gated": (gated(), (draw(3, 4),), (draw(1, 4),)),
    "transformer": (transformer(), (draw(3, 5, 8),), (draw(1, 5, 8),)),
    "transformer norm first": (transformer("relu", True), (draw(3, 5, 8),), (draw(1, 5, 8),)),
    "two inputs": (
        lambda x, y: (x @ torch.ones(4, 3, dtype=D)).tanh() * y + torch.einsum("bi,bj->b", x, y)[:, None],
        (draw(3, 4), draw(3, 3)),
        (draw(1, 4), draw(1, 3)),
    ),
    "lstm": (recurrent(nn.LSTM), (draw(2, 3, 3),), (draw(1, 3, 3),)),
    "gru": (recurrent(nn.GRU), (draw(2, 3, 3),), (draw(1, 3, 3),)),
}

OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda x: x.max(1).values,
    "min": lambda x: x.min(1).values,
    "amax over two": lambda x: x.reshape(-1, 2, 2).amax((1, 2)),
    "amin": lambda x: x.amin(1, keepdim=True),
    "maximum": lambda x: torch.maximum(x, 2 * x.flip(1)),
    "minimum": lambda x: torch.minimum(x, x.cos()),
    "maximum of a constant": lambda x: torch.maximum(x, torch.tensor(0.1, dtype=D)),
    "max pool 1d": lambda x: F.max_pool1d(x[:, None], 3, 1),
    "max pool 3d": lambda x: F.max_pool3d(x.reshape(-1, 1, 2, 2, 1), (2, 1, 1), 1),
    "adaptive max pool 1d": lambda x: F.adaptive_max_pool1d(x[:, None], 3),
    "abs": lambda x: x.abs(),
    "clamp": lambda x: x.clamp(-0.5, 0.7) + x.clamp(min=0) + x.clamp(max=0.2),
    "norm": lambda x: x.norm(dim=1, keepdim=True),
    "var": lambda x: x.var(1, keepdim=True),
    "std": lambda x: x.std(1),
    "prod": lambda x: x.prod(1),
    "quotient": lambda x: x / (1 + x**2),
    "constant over": lambda x: 1 / (1 + x**2),
    "logsumexp": lambda x: x.logsumexp(1, True),
    "cumsum": lambda x: x.cumsum(1),
    "sqrt": lambda x: (x * x + 0.1).sqrt(),
    "log": lambda x: (x * x + 0.1).log(),
    "rsqrt": lambda x: (x * x + 1).rsqrt(),
    "reciprocal": lambda x: (x * x + 1).reciprocal(),
    "pow": lambda x: (x**2 + 1) ** 1.7 + x**3,
    "base": lambda x: 2.0**x,
    "erf": lambda x: x.erf() + x.sin(),
    "product": lambda x: x.flip(1) * x.roll(1, 1),
    "glu": lambda x: F.glu(x, 1),
    "mask": lambda x: torch.softmax(
        (x[:, :, None] * x[:, None, :]).masked_fill(MASK[:4, :4], -torch.inf), -1
    ) @ x[:, :, None],
    "causal attention": lambda x: F.scaled_dot_product_attention(
        x[:, None, :, None], x[:, None, :, None].tanh(), x[:, None, :, None], is_causal=True
    ),
    "where": lambda x: torch.where(x > 0, x, x.expm1()),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.5),
    "times its mask": lambda x: x * (x > 0) + x * (x > 0).to(x.dtype),
    "instance norm": lambda x: F.instance_norm(x.reshape(-1, 1, 4) * x[:, :1, None]),
    "group norm": lambda x: F.group_norm(torch.cat([x, x * x], 1), 2),
    "layer norm": lambda x: F.layer_norm(x, (4,)),
    "rms norm": lambda x: F.rms_norm(x, (4,)),
    "cat and stack": lambda x: torch.cat([torch.stack(x.unbind(1), 1), x[:, 1:3], x.split(2, 1)[1]], 1),
    "in place": lambda x: x.clone().mul_(2).relu_() + x,
}  # fmt: skip
"""Functions of (B, 4), placed between two linear maps."""


def around(name: str) -> Callable[[Tensor], Tensor]:
    before = draw(4, 4, seed=3)

    def model(x: Tensor) -> Tensor:
        y = OPERATIONS[name](x @ before).reshape(len(x), -1)
        return y @ draw(y.shape[1], 2, seed=5).to(y.dtype)

    return model

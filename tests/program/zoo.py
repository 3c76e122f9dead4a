"""Small models written to be awkward, each with an input at batch size 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Case = tuple[nn.Module, tuple[Tensor, ...]]
ZOO: dict[str, Callable[[], Case]] = {}
"""Name -> builder of a model in eval mode and its inputs."""


def case(build: Callable[[], Case]) -> Callable[[], Case]:
    def seeded() -> Case:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model, inputs = build()
        return model.eval(), inputs

    ZOO[build.__name__] = seeded
    return seeded


def scalar(output: Any) -> Tensor:
    """(1,) from whatever a model returns: a weighted sum over the entries, so that none drops out."""
    if isinstance(output, dict):
        output = output["logits"]
    if isinstance(output, tuple):
        output = output[0]
    flat = output.reshape(1, -1)
    return (flat * torch.linspace(0.5, 1.5, flat.shape[1], dtype=flat.dtype)).sum(1)


class Written(nn.Module):
    """A model whose forward is a function of the module and its inputs."""

    def __init__(self, forward: Callable[..., Any], **children: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, *inputs: Tensor, **options: Any) -> Any:
        return self._forward(self, *inputs, **options)


@case
def mlp():
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2)), (
        torch.randn(1, 4),
    )


@case
def activations():
    parts = [
        nn.SiLU(),
        nn.Mish(),
        nn.Softplus(),
        nn.ELU(),
        nn.SELU(),
        nn.CELU(),
        nn.Sigmoid(),
        nn.LogSigmoid(),
        nn.GELU(approximate="tanh"),
        nn.Hardtanh(),
        nn.LeakyReLU(),
        nn.PReLU(),
        nn.Softsign(),
        nn.Hardswish(),
        nn.ReLU6(),
        nn.Tanhshrink(),
        nn.Softshrink(),
        nn.LogSoftmax(-1),
        nn.Softmax(-1),
        nn.GLU(),
    ]
    return Written(lambda m, x: torch.cat([p(x) for p in m.parts], -1), parts=nn.ModuleList(parts)), (
        torch.randn(1, 4),
    )


@case
def residual_functional():
    def forward(m, x):
        for layer in m.layers:
            x = x + F.relu(layer(x))
        return x

    return Written(forward, layers=nn.ModuleList(nn.Linear(4, 4) for _ in range(3))), (torch.randn(1, 4),)


@case
def reused_module():
    return Written(lambda m, x: m.act(m.lin(m.act(m.lin(x)))), lin=nn.Linear(4, 4), act=nn.Softplus()), (
        torch.randn(1, 4),
    )


class Swish(nn.SiLU):
    """A subclassed activation with its own forward."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.5 * x)


@case
def subclassed_activation():
    return nn.Sequential(nn.Linear(4, 4), Swish(), nn.Linear(4, 1)), (torch.randn(1, 4),)


@case
def in_place_activations():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 4), nn.ELU(inplace=True)), (
        torch.randn(1, 4),
    )


@case
def in_place_writes():
    def forward(m, x):
        h = m.lin(x)
        h += x
        h.mul_(2).clamp_(min=-3)
        h[:, 0] = x[:, 1] ** 2
        h[:, 1:3] += torch.sin(x[:, :2])
        row = h[0]
        row[3] = 1.5
        out = torch.zeros(1, 6, dtype=x.dtype)
        out[:, :4] = h
        out[:, 4:] = h[:, :2].exp_()
        return out

    return Written(forward, lin=nn.Linear(4, 4)), (torch.randn(1, 4),)


@case
def input_written():
    def forward(m, x):
        x.mul_(3.0)
        return m.lin(x).tanh()

    return Written(forward, lin=nn.Linear(4, 2)), (torch.randn(1, 4),)


@case
def weight_norm():
    return nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
        nn.Tanh(),
        nn.utils.weight_norm(nn.Linear(3, 2)),
    ), (torch.randn(1, 4),)


@case
def spectral_norm():
    return nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)),
        nn.Tanh(),
        nn.utils.spectral_norm(nn.Linear(3, 2)),
    ), (torch.randn(1, 4),)


@case
def checkpointed():
    block = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    return Written(
        lambda m, x: checkpoint(m.block, x, use_reentrant=False) + checkpoint(m.block, x, use_reentrant=True),
        block=block,
    ), (torch.randn(1, 4),)


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.lin(x)) * x


@case
def scripted():
    return nn.Sequential(torch.jit.script(Gate()), nn.Linear(4, 2)), (torch.randn(1, 4),)


@case
def traced():
    x = torch.randn(1, 4)
    return nn.Sequential(torch.jit.trace(Gate(), (x,)), nn.Linear(4, 2)), (x,)


@case
def two_inputs():
    return Written(
        lambda m, x, y: m.a(x).tanh() * m.b(y) + torch.einsum("bi,bj->b", x, y)[:, None],
        a=nn.Linear(4, 3),
        b=nn.Linear(2, 3),
    ), (torch.randn(1, 4), torch.randn(1, 2))


@case
def dict_output():
    return Written(lambda m, x: {"logits": m.lin(x).tanh(), "aux": x}, lin=nn.Linear(4, 3)), (
        torch.randn(1, 4),
    )


class Counting(nn.Module):
    """Buffers written in forward, with and without data of the input, and an attribute rebound."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("scale", torch.ones(3))
        self.register_buffer("mean", torch.zeros(3))
        self.latest: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.scale.mul_(2)
        h = self.lin(x) * self.scale + self.calls
        self.mean.mul_(0.9).add_(0.1 * h[0].detach())
        self.latest = h
        return h.tanh()


@case
def buffers_written():
    return Counting(), (torch.randn(1, 4),)


@case
def boolean_indexing():
    def forward(m, x):
        h = m.lin(x)
        h[h < 0] = h[h < 0] * 0.1
        return h + h[:, torch.tensor([True, False, True, True])].sum()

    return Written(forward, lin=nn.Linear(4, 4)), (torch.randn(1, 4),)


@case
def guards():
    def forward(m, x):
        if torch.isnan(x).any():
            raise ValueError("nan")
        h = m.lin(x)
        if h.pow(2).sum() < 0:
            h = -h
        return h.tanh()

    return Written(forward, lin=nn.Linear(4, 4)), (torch.randn(1, 4),)


class Held(nn.Module):
    """A float32 tensor that is neither parameter nor buffer, and casts in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.weights = torch.linspace(0.1, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.lin(x.float()) * self.weights + torch.ones(4, dtype=torch.float32) / 3 + (x > 0).float()


@case
def plain_attribute():
    return Held(), (torch.randn(1, 4),)


@case
def detached():
    return Written(lambda m, x: m.lin(x) * m.lin(x).detach() + x.data.sum(), lin=nn.Linear(4, 4)), (
        torch.randn(1, 4),
    )


class Cube(torch.autograd.Function):
    """An old-style function without setup_context, which functionalize refuses."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 3 * ctx.saved_tensors[0] ** 2 * grad


@case
def autograd_function():
    return Written(lambda m, x: Cube.apply(m.lin(x)).add_(1), lin=nn.Linear(4, 4)), (torch.randn(1, 4),)


@case
def lstm():
    return nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True), (torch.randn(1, 3, 3),)


@case
def gru():
    return nn.GRU(3, 4, batch_first=True), (torch.randn(1, 3, 3),)


@case
def rnn_cells():
    def forward(m, x):
        h = c = torch.zeros(1, 4, dtype=x.dtype)
        g = torch.zeros(1, 4, dtype=x.dtype)
        for t in range(3):
            h, c = m.lstm(x[:, t], (h, c))
            g = m.gru(h, g)
        return torch.cat([h, g], -1)

    return Written(forward, lstm=nn.LSTMCell(3, 4), gru=nn.GRUCell(4, 4)), (torch.randn(1, 3, 3),)


@case
def transformer_encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
    return nn.TransformerEncoder(layer, 2), (torch.randn(1, 5, 8),)


@case
def multihead_attention():
    def forward(m, x):
        mask = torch.triu(torch.full((5, 5), float("-inf"), dtype=x.dtype), 1)
        return m.att(x, x, x, attn_mask=mask)[0] + m.att(x, x, x, need_weights=False)[0]

    return Written(forward, att=nn.MultiheadAttention(8, 2, batch_first=True)), (torch.randn(1, 5, 8),)


@case
def scaled_dot_product():
    def forward(m, x):
        q = m.q(x).reshape(1, 5, 2, 4).transpose(1, 2)
        return F.scaled_dot_product_attention(q, q.sin(), q, is_causal=True)

    return Written(forward, q=nn.Linear(8, 8)), (torch.randn(1, 5, 8),)


@case
def convolutions():
    def forward(m, x):
        a = m.c1(x).tanh()
        a = m.t1(a)
        b = m.c2(a[:, None]).sigmoid()
        b = m.t2(F.avg_pool2d(b, 2))
        c = m.c3(b[:, None]).sin()
        return m.t3(c).mean((1, 2)), m.same(x)

    return Written(
        lambda m, x: torch.cat([y.flatten(1) for y in forward(m, x)], 1),
        c1=nn.Conv1d(2, 4, 3, padding=1),
        t1=nn.ConvTranspose1d(4, 4, 2, stride=2),
        c2=nn.Conv2d(1, 2, 3, dilation=2, padding=1),
        t2=nn.ConvTranspose2d(2, 2, 3, stride=2),
        c3=nn.Conv3d(1, 2, 2),
        t3=nn.ConvTranspose3d(2, 1, 2, output_padding=0),
        same=nn.Conv1d(2, 2, 4, padding="same"),
    ), (torch.randn(1, 2, 6),)


@case
def convolutional_network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, groups=2, padding="same", padding_mode="circular"),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    ), (torch.randn(1, 1, 10, 10),)


@case
def norms():
    def forward(m, x):
        return m.bn(x) + m.gn(x) + m.ins(x) + m.ln(x) + m.rms(x) + m.aff(x) + F.layer_norm(x, (4, 5))

    model = Written(
        forward,
        bn=nn.BatchNorm1d(4),
        gn=nn.GroupNorm(2, 4),
        ins=nn.InstanceNorm1d(4),
        ln=nn.LayerNorm(5),
        rms=nn.RMSNorm(5, eps=1e-6),
        aff=nn.InstanceNorm1d(4, affine=True),
    )
    for name, parameter in model.named_parameters():
        nn.init.uniform_(parameter, 0.5, 1.5) if "weight" in name else nn.init.uniform_(parameter, -1, 1)
    nn.init.uniform_(model.bn.running_mean), nn.init.uniform_(model.bn.running_var, 0.5, 2)
    return model, (torch.randn(1, 4, 5),)


@case
def shapes():
    def forward(m, x):
        a = x.view(1, 2, 6).permute(2, 0, 1).contiguous().view(4, 3)
        b = torch.stack(a.unbind(0), 1).flip(0).roll(1, 0)
        c = F.pad(b, (1, 2)).unfold(0, 2, 1).sum(-1)
        d = torch.gather(c, 1, torch.tensor([[0, 1], [2, 3]])) + torch.cat(c[:, :4].chunk(2, 1), 0)[:2, :2]
        e = d.repeat(1, 2).expand(3, 2, 4).squeeze().unsqueeze(0).transpose(1, 2).reshape(-1)
        rows = sum(row.sum() for row in x.view(3, 4))
        return e[::2].tril(0) if e.dim() > 1 else (e[::2] * rows).cumsum(0)

    return Written(forward), (torch.randn(1, 12),)


@case
def reductions():
    def forward(m, x):
        y = x * x + 1
        return torch.stack(
            [
                y.prod(1),
                y.logsumexp(1),
                y.std(1),
                y.var(1),
                y.norm(dim=1),
                y.amax(1),
                y.max(1).values,
                y.log().sum(1),
                (y**1.5).mean(1),
                (2.0**y).sum(1),
                (1 / y).sum(1),
                y.sqrt().sum(1),
                torch.rsqrt(y).sum(1),
                y.log_softmax(1)[:, 0],
                torch.erf(x).sum(1),
                x.cos().sum(1),
            ]
        )

    return Written(forward), (torch.randn(1, 5),)


@case
def einsum():
    return Written(
        lambda m, x: torch.einsum("bij,bjk,kl->bil", x, x.tanh(), m.w.weight) @ x, w=nn.Linear(3, 3)
    ), (torch.randn(1, 3, 3),)


@case
def embeddings_as_input():
    def forward(m, x):
        return m.lin(
            x + m.emb(torch.arange(4))[None] + F.embedding(torch.tensor([[1, 0, 1, 2]]), m.emb.weight)
        ).tanh()

    return Written(forward, emb=nn.Embedding(6, 3), lin=nn.Linear(3, 2)), (torch.randn(1, 4, 3),)


@case
def selected_branches():
    return Written(
        lambda m, x: (
            torch.where(x > 0, x**2, x.exp())
            + x.masked_fill(x < 0, 0.5)
            + torch.maximum(x, x.sin())
            + x.topk(4).values
            + x.sort().values
        )
    ), (torch.randn(1, 4),)

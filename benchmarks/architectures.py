"""Small networks of the kinds that are explained in practice: randomly initialised, in float64, smooth.

Each has one output per row; `benchmarks.networks` has those that single operations are measured on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.networks import Block, Squeezed, finished


def sequence_transformer(layers: int = 6, width: int = 64, seed: int = 0) -> nn.Module:
    """Return an encoder of BERT's kind on token embeddings (R, T, width)."""
    torch.manual_seed(seed)
    layer = nn.TransformerEncoderLayer(width, 4, 4 * width, activation="gelu", batch_first=True)
    encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
    return finished(Squeezed(nn.Sequential(encoder, MeanOfTokens(), nn.Linear(width, 1))))


class MeanOfTokens(nn.Module):
    """The mean over tokens."""

    def forward(self, h: Tensor) -> Tensor:
        """Return (R, width) from (R, T, width)."""
        return h.mean(1)


class InvertedBottleneck(nn.Module):
    """EfficientNet's block: expansion, depthwise convolution, squeeze and excitation, projection."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        """Make the parts; the inner width is four times the outer one."""
        super().__init__()
        inner = 4 * before
        self.expand = nn.Sequential(nn.Conv2d(before, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.SiLU())
        self.depthwise = nn.Sequential(
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.SiLU()
        )
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(inner, before, 1), nn.SiLU(), nn.Conv2d(before, inner, 1),
            nn.Sigmoid(),
        )  # fmt: skip
        self.project = nn.Sequential(nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after))
        self.residual = before == after and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, the sides divided by the stride."""
        h = self.depthwise(self.expand(x))
        h = self.project(h * self.gate(h))
        return x + h if self.residual else h


def efficient_net(seed: int = 0) -> nn.Module:
    """Return inverted bottlenecks on 3×32×32 images."""
    torch.manual_seed(seed)
    blocks = [(8, 12, 2), (12, 12, 1), (12, 20, 2), (20, 20, 1)]
    return finished(
        Squeezed(
            nn.Sequential(
                nn.Conv2d(3, 8, 3, 2, 1, bias=False),
                nn.BatchNorm2d(8),
                nn.SiLU(),
                *(InvertedBottleneck(*block) for block in blocks),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(20, 1),
            )
        )
    )


class Recurrent(nn.Module):
    """Three LSTM layers, read at the last step."""

    def __init__(self, features: int, width: int) -> None:
        """Make the layers."""
        super().__init__()
        self.layers = nn.LSTM(features, width, num_layers=3, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (R,) from (R, T, features)."""
        return self.head(self.layers(x)[0][:, -1]).squeeze(-1)


def lstm(features: int = 8, width: int = 32, seed: int = 0) -> nn.Module:
    """Return three LSTM layers on sequences (R, T, features)."""
    torch.manual_seed(seed)
    return finished(Recurrent(features, width))


class FeatureTokens(nn.Module):
    """FT-Transformer: one token per feature, a token for the output, transformer blocks."""

    def __init__(self, features: int, width: int, layers: int) -> None:
        """Make the parts."""
        super().__init__()
        self.weight, self.bias = (nn.Parameter(torch.randn(features, width)) for _ in range(2))
        self.output = nn.Parameter(torch.randn(1, 1, width))
        self.blocks = nn.Sequential(*(Block(width, 4, True) for _ in range(layers)))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (R,) from (R, features)."""
        tokens = torch.cat([self.output.expand(len(x), -1, -1), x[..., None] * self.weight + self.bias], 1)
        return self.head(self.blocks(tokens)[:, 0]).squeeze(-1)


def ft_transformer(features: int = 10, width: int = 32, layers: int = 3, seed: int = 0) -> nn.Module:
    """Return an FT-Transformer on rows (R, features)."""
    torch.manual_seed(seed)
    return finished(FeatureTokens(features, width, layers))


class SelectiveScan(nn.Module):
    """Mamba's block: a gated recurrence whose step sizes and read-outs depend on the input."""

    def __init__(self, width: int, state: int) -> None:
        """Make the maps."""
        super().__init__()
        inner = 2 * width
        self.norm = nn.LayerNorm(width)
        self.enter, self.leave = nn.Linear(width, 2 * inner), nn.Linear(inner, width)
        self.convolution = nn.Conv1d(inner, inner, 4, padding=3, groups=inner)
        self.select, self.step = nn.Linear(inner, 2 * state + 1), nn.Linear(1, inner)
        self.decay = nn.Parameter(torch.log(torch.arange(1.0, state + 1)).repeat(inner, 1))
        self.state = state

    def forward(self, h: Tensor) -> Tensor:
        """Return the block's output added to its input, (R, T, width)."""
        x, gate = self.enter(self.norm(h)).chunk(2, dim=-1)
        x = nn.functional.silu(self.convolution(x.transpose(1, 2))[..., : h.shape[1]]).transpose(1, 2)
        written, read, step = self.select(x).split([self.state, self.state, 1], dim=-1)
        step = nn.functional.softplus(self.step(step))
        memory, outputs = x.new_zeros(len(x), x.shape[2], self.state), []
        for t in range(h.shape[1]):
            kept = torch.exp(-step[:, t, :, None] * self.decay.exp())
            memory = kept * memory + (step[:, t] * x[:, t])[..., None] * written[:, t, None]
            outputs.append((memory * read[:, t, None]).sum(-1))
        return h + self.leave(torch.stack(outputs, 1) * nn.functional.silu(gate))


def mamba(width: int = 16, layers: int = 2, state: int = 4, seed: int = 0) -> nn.Module:
    """Return Mamba blocks on token embeddings (R, T, width)."""
    torch.manual_seed(seed)
    blocks = (SelectiveScan(width, state) for _ in range(layers))
    return finished(Squeezed(nn.Sequential(*blocks, MeanOfTokens(), nn.Linear(width, 1))))

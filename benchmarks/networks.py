"""Networks of the benchmarks: randomly initialised from a seed, in float64, smooth.

A network is a module on a batch of inputs (R, …) with outputs (R,).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Squeezed(nn.Module):
    """A network with outputs (R, 1), read as (R,)."""

    def __init__(self, body: nn.Module) -> None:
        """Wrap the network."""
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Return the body's outputs without their last dimension."""
        return self.body(x).squeeze(-1)


def finished(network: nn.Module) -> nn.Module:
    """Return the network in float64 and evaluation mode, its parameters frozen."""
    return network.double().eval().requires_grad_(False)


def mlp(widths: Sequence[int], seed: int = 0) -> nn.Module:
    """Return a GELU network of these widths with one output."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.GELU()]
    return finished(Squeezed(nn.Sequential(*layers, nn.Linear(widths[-1], 1))))


class ResidualBlock(nn.Module):
    """h + W₂ tanh(W₁ h) ∘ sigmoid(W₃ h)."""

    def __init__(self, width: int) -> None:
        """Make the three linear maps."""
        super().__init__()
        self.inner, self.gate, self.outer = (nn.Linear(width, width) for _ in range(3))

    def forward(self, h: Tensor) -> Tensor:
        """Return the block's output, of the input's shape."""
        return h + self.outer(torch.tanh(self.inner(h)) * torch.sigmoid(self.gate(h)))


def residual(n: int, width: int = 32, blocks: int = 8, seed: int = 0) -> nn.Module:
    """Return a gated residual network on n inputs."""
    torch.manual_seed(seed)
    body = (ResidualBlock(width) for _ in range(blocks))
    return finished(Squeezed(nn.Sequential(nn.Linear(n, width), *body, nn.Linear(width, 1))))


def cnn(channels: tuple[int, int] = (8, 16), max_pool: bool = True, seed: int = 0) -> nn.Module:
    """Return a convolutional network on 1×28×28 images with batch normalisation and pooling."""
    torch.manual_seed(seed)
    pool = nn.MaxPool2d if max_pool else nn.AvgPool2d
    a, b = channels
    network = Squeezed(
        nn.Sequential(
            nn.Conv2d(1, a, 3, padding=1),
            nn.BatchNorm2d(a),
            nn.GELU(),
            pool(2),
            nn.Conv2d(a, b, 3, padding=1),
            nn.BatchNorm2d(b),
            nn.GELU(),
            pool(2),
            nn.Flatten(),
            nn.Linear(b * 49, 1),
        )  # fmt: skip
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics as after training, not 0 and 1
            module.register_buffer("running_mean", 0.1 * torch.randn(module.num_features))
            module.register_buffer("running_var", 0.5 + torch.rand(module.num_features))
    return finished(network)


class Flattened(nn.Module):
    """Feature maps, flattened by a call, and a head; every other operation is a module, as hooks need it."""

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        """Take the two parts."""
        super().__init__()
        self.features, self.head = features, head

    def forward(self, x: Tensor) -> Tensor:
        """Return (R, outputs) from (R, C, H, W)."""
        return self.head(self.features(x).flatten(1))


def vgg(channels: Sequence[int] = (32, 64, 128, 128), seed: int = 0) -> nn.Module:
    """Return pairs of convolutions with ReLU and a max-pool behind each pair, on 3×64×64 images.

    He's initialisation keeps the size of the signal from layer to layer, as training does; with torch's own
    the output hardly depends on the input, and what is measured is rounding.
    """
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in pairwise((3, *channels)):
        for inner in (before, after):
            layers += [nn.Conv2d(inner, after, 3, padding=1), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    head = nn.Sequential(nn.Linear(channels[-1] * 16, 256), nn.ReLU(), nn.Linear(256, 1))
    network = Squeezed(Flattened(nn.Sequential(*layers), head))
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return finished(network)


class ConvolutionalBlock(nn.Module):
    """relu(BN(conv(relu(BN(conv(h))))) + h), h through a 1×1 convolution where the shape changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        """Make the two convolutions and the shortcut."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        projection = nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
        self.shortcut = nn.Identity() if before == after and stride == 1 else nn.Sequential(*projection)

    def forward(self, h: Tensor) -> Tensor:
        """Return the block's output, the sides divided by the stride."""
        return torch.relu(self.body(h) + self.shortcut(h))


def resnet(seed: int = 0) -> nn.Module:
    """Return the layers of ResNet-18 on 3×224×224 images, for one output."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    for before, after in pairwise((64, 64, 128, 256, 512)):
        layers += [ConvolutionalBlock(before, after, 1 if before == after else 2)]
        layers += [ConvolutionalBlock(after, after, 1)]
    features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
    return finished(Squeezed(Flattened(features, nn.Linear(512, 1))))


def small_resnet(channels: Sequence[int] = (16, 32, 64), seed: int = 0) -> nn.Module:
    """Return a residual network of the CIFAR kind, one block per width, on 3×32×32 images, one output."""
    torch.manual_seed(seed)
    first = channels[0]
    layers: list[nn.Module] = [
        nn.Conv2d(3, first, 3, padding=1, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
    ]
    for before, after in pairwise((first, *channels)):
        layers.append(ConvolutionalBlock(before, after, 1 if before == after else 2))
    features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
    return finished(Squeezed(Flattened(features, nn.Linear(channels[-1], 1))))


class Normalised(nn.Module):
    """Layer normalisation: fused, or with mean, square and root written out.

    torch's fused operation has wrong derivatives from order 3, so a reference writes them out.
    """

    def __init__(self, width: int, fused: bool) -> None:
        """Make the weights."""
        super().__init__()
        self.layer = nn.LayerNorm(width)
        self.fused = fused

    def forward(self, h: Tensor) -> Tensor:
        """Normalise over the last dimension."""
        if self.fused:
            return self.layer(h)
        centred = h - h.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + self.layer.eps).rsqrt()
        return centred * scale * self.layer.weight + self.layer.bias


class Block(nn.Module):
    """A transformer block: attention and a GELU network, each on normalised values and added to its input."""

    def __init__(self, width: int, heads: int, fused: bool) -> None:
        """Make the parts."""
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_network = Normalised(width, fused), Normalised(width, fused)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, h: Tensor) -> Tensor:
        """Return the block's output, shape (R, T, width)."""
        rows, tokens, width = h.shape
        qkv = self.qkv(self.before_attention(h)).view(rows, tokens, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        weights = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(width // self.heads), dim=-1)
        h = h + self.out((weights @ value).transpose(1, 2).reshape(rows, tokens, width))
        return h + self.network(self.before_network(h))


class Pooled(nn.Module):
    """Blocks, a normalisation, the mean over tokens, one output."""

    def __init__(self, width: int, layers: int, heads: int, fused: bool) -> None:
        """Make the parts."""
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width, heads, fused) for _ in range(layers)))
        self.final, self.head = Normalised(width, fused), nn.Linear(width, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Return (R, 1) from token embeddings (R, T, width)."""
        return self.head(self.final(self.blocks(h)).mean(1))


def transformer(width: int, layers: int = 2, heads: int = 4, fused: bool = True, seed: int = 0) -> nn.Module:
    """Return a transformer encoder on token embeddings; ``fused`` changes the form, not the values."""
    torch.manual_seed(seed)
    return finished(Squeezed(Pooled(width, layers, heads, fused)))


def seeded(*shape: int, seed: int = 1, scale: float = 1.0) -> Tensor:
    """Return a float64 tensor of normal numbers."""
    return scale * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

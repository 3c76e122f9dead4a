"""Networks for the audit, seeded without touching the global generator."""

import functools

import torch
from torch import Tensor, nn

import taylorattr as ta
from tests.methods.networks import points, seeded


@functools.cache
def trained_mlp() -> nn.Module:
    """Four inputs, two hidden layers of tanh, trained on a function with interactions; float64, eval."""
    model = seeded(
        nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 2)), seed=3
    )
    x = points(256, 4, seed=4)
    y = torch.stack([x[:, 0] * x[:, 1] + x[:, 2] ** 2, torch.sin(x[:, 3] + x[:, 0])], dim=1)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        optimizer.step()
    return model.requires_grad_(False)


class Patches(nn.Module):
    """A digits network: convolution, overlapping max-pool, a residual sum, an average, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 5, 3, padding=1)
        self.pool = nn.MaxPool2d(3, 2)
        self.second = nn.Conv2d(5, 5, 3, padding=1)
        self.act = nn.ReLU()
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.pool(torch.relu(self.first(x)))
        h = h + self.act(self.second(h))
        return self.head(h.mean((2, 3)))


@functools.cache
def patches() -> tuple[nn.Module, Tensor, Tensor, ta.Players]:
    """The network, an image and a baseline with values in [0, 1], and 2×2 patches of 4×4 as players."""
    image, start = (points(1, 1, 8, 8, seed=seed).sigmoid() for seed in (5, 7))
    return seeded(Patches(), seed=6), image, start, ta.Players.grid(image, (2, 2))


def smooth(n: int, seed: int, *, width: int = 10) -> nn.Module:
    """A GELU network with a residual branch."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.branch = nn.Linear(n, width), nn.Linear(width, width)
            self.head = nn.Linear(width, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.tanh(self.first(x))
            return self.head(h + nn.functional.gelu(self.branch(h)))

    return seeded(Residual(), seed=seed)

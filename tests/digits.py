"""Two small networks that read handwritten digits: real ones, trained in seconds, once per process.

The MLP and the CNN on which the systems beside the fifteen methods are measured: 1797 images of 8×8 grey
values in [0, 1], three quarters to train on and the rest held out; Adam, learning rate 2e-3, weight decay
1e-4, batches of 64, 40 epochs. Everything is seeded, and the global generators are left alone.
"""

from functools import cache
from typing import Any, NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SHARE_TRAINED = 0.75
EPOCHS = 40


class Digits(NamedTuple):
    """Images, shape (B, 1, 8, 8), float32 in [0, 1], and their digits, shape (B,), int64."""

    images: Tensor
    digits: Tensor


@cache
def split() -> tuple[Digits, Digits]:
    """Return what is trained on, 1347 images, and what is held out, 450, in a seeded order."""
    bundle: Any = load_digits()
    grey, digit = torch.from_numpy(bundle.images[:, None] / 16).float(), torch.from_numpy(bundle.target)
    order = torch.randperm(len(digit), generator=torch.Generator().manual_seed(0))
    count = int(SHARE_TRAINED * len(digit))
    return tuple(Digits(grey[rows], digit[rows]) for rows in (order[:count], order[count:]))


def untrained_mlp() -> nn.Sequential:
    """Return the MLP (B, 1, 8, 8) -> (B, 10), with torch's own weights from the global generator."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )


def untrained_cnn() -> nn.Sequential:
    """Return the CNN (B, 1, 8, 8) -> (B, 10), with torch's own weights from the global generator."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


@cache
def mlp() -> nn.Sequential:
    """Return the trained MLP; every call in one process returns the same network."""
    return trained(untrained_mlp, split()[0])


@cache
def cnn() -> nn.Sequential:
    """Return the trained CNN; every call in one process returns the same network."""
    return trained(untrained_cnn, split()[0])


def trained(make: Any, data: Digits, *, epochs: int = EPOCHS, seed: int = 0) -> nn.Sequential:
    """Return ``make()`` trained on data, in eval behaviour and without gradients of its parameters."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        network = make()
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-3, weight_decay=1e-4)
        for _ in range(epochs):
            for rows in torch.randperm(len(data.digits)).split(64):
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(data.images[rows]), data.digits[rows]).backward()
                optimiser.step()
    return network.eval().requires_grad_(False)


def accuracy(network: nn.Module, data: Digits | None = None) -> float:
    """Return the share of images that a network reads rightly; of the held-out ones by default."""
    images, digits = split()[1] if data is None else data
    with torch.no_grad():
        return float((network(images).argmax(1) == digits).float().mean())

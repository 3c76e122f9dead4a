"""Small seeded networks and inputs several tests share."""

import torch
from torch import nn


def mlp(inputs=4, outputs=3, hidden=8, activation=nn.GELU):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(inputs, hidden), activation(), nn.Linear(hidden, outputs))
    return layers.eval()


def cnn(channels=1, outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(4 * 3 * 3, outputs),
    ).eval()  # fmt: skip


def points(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))

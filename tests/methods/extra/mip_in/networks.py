"""Networks that are chains of invertible layers, and some that are not."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def seeded(make, seed: int = 0) -> nn.Module:
    """A network in float64 and eval behaviour; the global generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().double().eval()


def images(count: int, channels: int = 1, height: int = 9, width: int = 11, seed: int = 0) -> Tensor:
    return torch.rand(
        count, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


class Modules(nn.Module):
    """Every kind of layer as a module; (N, 1, 9, 11) -> (N, 3)."""

    def __init__(self):
        super().__init__()
        self.a, self.norm = nn.Conv2d(1, 4, 3, padding=1, stride=2), nn.BatchNorm2d(4)
        self.b = nn.Conv2d(4, 6, 3, padding=1, groups=2)
        self.relu, self.pool, self.mean = nn.ReLU(), nn.MaxPool2d(2, 1), nn.AdaptiveAvgPool2d((2, 2))
        self.flat, self.drop = nn.Flatten(), nn.Dropout()
        self.c, self.d = nn.Linear(24, 8), nn.Linear(8, 3)
        with torch.no_grad():
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)
            self.norm.weight.uniform_(0.5, 2)

    def forward(self, x):
        x = self.pool(self.relu(self.norm(self.a(x))))
        x = self.mean(self.relu(self.b(x)))
        return self.d(self.relu(self.c(self.drop(self.flat(x)))))


class Functional(Modules):
    """The same written with functions, in place where that is usual."""

    def forward(self, x):
        x = F.max_pool2d(F.relu_(self.norm(self.a(x))), 2, 1)
        x = F.adaptive_avg_pool2d(self.b(x).clamp(min=0), 2)
        x = F.dropout(x.view(x.size(0), -1), training=self.training)
        return F.linear(torch.relu(self.c(x)), self.d.weight, self.d.bias)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(x) + x)


class Residual(nn.Module):
    """A residual sum, and a convolution, a pool and a linear layer above it."""

    def __init__(self):
        super().__init__()
        self.stem, self.block = nn.Conv2d(1, 4, 3, padding=1), Block()
        self.conv, self.head = nn.Conv2d(4, 5, 3, padding=1), nn.Linear(5, 3)

    def forward(self, x):
        x = self.block(F.relu(self.stem(x)))
        return self.head(F.relu(self.conv(x)).mean((2, 3)))


class Joined(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 1), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(torch.cat([self.a(x), self.b(x)], 1).mean((2, 3)))


class Attention(nn.Module):
    """One head of attention over the rows of the image."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.head = nn.Linear(11, 4), nn.Linear(11, 4), nn.Linear(11, 3)

    def forward(self, x):
        h = x[:, 0]
        weights = torch.softmax(self.query(h) @ self.key(h).mT, -1)
        return self.head((weights @ h).mean(1))

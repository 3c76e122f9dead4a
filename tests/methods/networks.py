"""Small networks for the methods, seeded without touching the global generator."""

import torch
from torch import Tensor, nn


def seeded(module: nn.Module, seed: int = 0) -> nn.Module:
    """Fill parameters and running statistics from a generator; float64, eval."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=generator) * 0.1)
            elif name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return module


def points(*shape: int, seed: int = 1) -> Tensor:
    """Standard normal numbers, float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Residual(nn.Module):
    """Convolutions, BatchNorm, functional ReLU, a residual sum, ReLU6, abs, concatenation, average pool."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm(self.first(x)))
        h = nn.functional.leaky_relu(h + self.second(h), 0.1)
        h = nn.functional.avg_pool2d(h, 2)
        h = nn.functional.relu6(torch.cat([h, h.abs() - 0.1], 1))
        return self.head(h.mean((2, 3)))


class Pooled(nn.Module):
    """Convolution, ReLU, overlapping max-pool, twice; a spatial head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(3, 5, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Linear(5 * 9, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(1))

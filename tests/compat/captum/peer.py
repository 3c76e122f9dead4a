"""captum's module where it is installed, and models both sides are asked about."""

import pytest
import torch
from torch import nn

captum = pytest.importorskip("captum.attr")


class Pair(nn.Module):
    """Two inputs (R, 3), (R, 2, 2) and one extra argument."""

    def forward(self, x, y, scale=1.0):
        z = (x[:, :2] * y[:, 0]).tanh() + y[:, 1] * x[:, 2:] ** 2
        return z * scale


PAIR = Pair().eval()


def pair_inputs(rows=2):
    generator = torch.Generator().manual_seed(3)
    return (
        torch.randn(rows, 3, generator=generator, dtype=torch.float64),
        torch.randn(rows, 2, 2, generator=generator, dtype=torch.float64),
    )


def worst(ours, theirs):
    """Largest difference between two results of the same structure, which is asserted."""
    assert type(ours) is type(theirs) and (not isinstance(ours, tuple) or len(ours) == len(theirs))
    pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else ((ours, theirs),)
    differences = []
    for a, b in pairs:
        assert a.shape == b.shape
        differences.append(float((a.double() - b.detach().double()).abs().max()))
    return max(differences)

"""Smooth networks against 10⁵ midpoints by autograd alone."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from tests.methods.networks import points, seeded

STEPS = 100_000


def reference(model, x, b, target):
    total = torch.zeros_like(x)
    for block in ((torch.arange(STEPS).double() + 0.5) / STEPS).split(20_000):
        at = torch.lerp(b, x, block[:, None]).requires_grad_()
        total += torch.autograd.grad(model(at)[:, target].sum(), at)[0].sum(0)
    return (x - b) * total / STEPS


@pytest.mark.parametrize("activation", [nn.Tanh, nn.GELU, nn.Softplus, nn.Sigmoid])
def test_smooth_networks(activation):
    model = seeded(
        nn.Sequential(nn.Linear(4, 8), activation(), nn.Linear(8, 8), activation(), nn.Linear(8, 2))
    )
    x, b = 2 * points(2, 4), points(2, 4, seed=2)
    found = ta.attribute("integrated_gradients", model, x, b, target=[0, 1], tol=1e-10).player_scores
    expected = torch.stack([reference(model, x[e], b[e], e) for e in range(2)])
    # the midpoint rule errs by h²/24 times the second derivative along the path, below 1e-9 for h = 1e-5
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)

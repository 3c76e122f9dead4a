"""Integrated Gradients is called exact only where every piece of the path meets the next one.

Where the model jumps, what is returned is the integral of its gradient, which misses the jump, with the gap
that says so; never scores that have swallowed the jump.
"""

import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import taylorattr as ta

x = torch.tensor([[1.0, -1.0, 0.5], [-0.3, 0.8, 2.0]], dtype=torch.float64)

JUMPS: dict[str, Callable[[Tensor], Tensor]] = {
    "Threshold(0.1, -0.2)": nn.Threshold(0.1, -0.2),
    "Threshold(0, 5)": nn.Threshold(0.0, 5.0),
    "Threshold(0.3, 0)": nn.Threshold(0.3, 0.0),
    "Threshold behind a layer": lambda z: F.threshold(2 * z - 0.3, 0.2, -1.0),
    "Threshold in front of a ReLU": lambda z: F.relu(F.threshold(z, 0.4, -0.1) + 0.2),
    "Threshold behind a ReLU": lambda z: F.threshold(F.relu(z), 0.4, 0.0),
    "a small jump": nn.Threshold(0.3, 0.3 + 1e-4),
    "hardshrink": lambda z: F.hardshrink(z, 0.3),
    "where": lambda z: torch.where(z > 0.2, z, torch.full_like(z, 5.0)),
    "a mask times x": lambda z: (z > 0.2) * z,
    "masked_fill": lambda z: z.masked_fill(z < 0.2, 1.0),
    "indexed assignment": lambda z: torch.where((z < 0.2) & (z > 0.1), z + 1, z),
    "sign": lambda z: z + torch.sign(z - 0.25),
    "heaviside": lambda z: z + (z >= 0.25).to(z),
    "round": lambda z: z + torch.round(z * 3),
    "floor": lambda z: z * 2 + torch.floor(z * 3 + 0.1),
    "clamped jump": lambda z: F.threshold(z, 0.2, 0.9).clamp(-1, 0.8),
    "the winner of another": lambda z: z.flip(1).gather(1, z.argmax(1, keepdim=True)).expand(-1, 3) + z,
    "remainder": lambda z: torch.remainder(z, 0.4),
}

BENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "Threshold(0.3, 0.3)": nn.Threshold(0.3, 0.3),
    "Threshold(0, 0)": nn.Threshold(0.0, 0.0),
    "leaky": lambda z: F.leaky_relu(z, 0.3),
    "hardtanh": F.hardtanh,
    "softshrink": lambda z: F.softshrink(z, 0.2),
    "clamp": lambda z: z.clamp(-0.2, 0.6),
    "hardsigmoid": F.hardsigmoid,
    "abs": torch.abs,
    "maximum": lambda z: torch.maximum(z, 0.3 - z),
    "where that meets": lambda z: torch.where(z > 0.2, z, 0.4 - z),
    "mask times what is 0 there": lambda z: (z > 0.2) * (z - 0.2),
    "clamp with crossed bounds": lambda z: z.clamp(0.6, -0.2) + z,
}


def summed(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda z: (function(z) * torch.tensor([1.0, -0.7, 0.4], dtype=z.dtype)).sum(1)


def integral(function: Callable[[Tensor], Tensor], nodes: int = 20_000) -> Tensor:
    """x_i ∫ ∂_i f(αx) dα by the midpoint rule."""
    alphas = (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    rows = []
    for row in x:
        z = (alphas[:, None] * row).requires_grad_()
        rows.append(torch.autograd.grad(summed(function)(z).sum(), z)[0].mean(0) * row)
    return torch.stack(rows)


def attributed(method: str, function: Callable[[Tensor], Tensor]) -> ta.Attribution:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ta.attribute(method, summed(function), x)


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_is_not_swallowed(name: str) -> None:
    found = attributed("integrated_gradients", JUMPS[name])
    assert torch.allclose(found.player_scores, integral(JUMPS[name]), atol=2e-2)
    assert found.diagnostics["mode"] == "quadrature"


@pytest.mark.parametrize("name", BENDS)
def test_a_bend_is_integrated_exactly(name: str) -> None:
    found = attributed("integrated_gradients", BENDS[name])
    assert found.diagnostics["mode"] == "exact"
    assert torch.allclose(found.player_scores, integral(BENDS[name]), atol=1e-3)
    assert float(found.gap.abs().max()) < 1e-12


@pytest.mark.parametrize("name", JUMPS)
def test_exact_is_refused_where_the_model_jumps(name: str) -> None:
    with pytest.raises(ta.errors.OptionError):
        ta.attribute("integrated_gradients", summed(JUMPS[name]), x, mode="exact")

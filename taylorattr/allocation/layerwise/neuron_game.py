"""A neuron as a component: the coalitions of its inputs, shared equally, 1/s; docs/theory.md eq. (43)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from taylorattr.allocation.layerwise.components import Component
from taylorattr.allocation.layerwise.unit_series import Activation
from taylorattr.errors import OptionError

FAN_IN = 12
"""Widest neuron whose game is enumerated."""


def fan_in(layer: Component, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the inputs each neuron is connected to and their weights, shapes (units, k), padded by zeros.

    Raises:
        OptionError: If a neuron has too many for its coalitions to be enumerated.
    """
    # the padding connects to whatever stands there, with weight 0
    wide = int((matrix != 0).sum(1).max())
    if wide > FAN_IN:
        raise OptionError(
            f"a neuron of {layer.place} has {wide} inputs: the effects of all its coalitions are enumerated "
            f"up to {FAN_IN}; pass components='linear_activation'"
        )
    used = (matrix != 0).to(torch.int8).topk(max(wide, 1), dim=1).indices
    return used, matrix.gather(1, used)


def coalition_weights(k: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return who is in each coalition S of the k − 1 others, and Shapley's probability of S."""
    masks = torch.arange(1 << (k - 1))
    bits = (masks[:, None] >> torch.arange(k - 1) & 1).to(dtype)
    weights = torch.tensor([1 / (k * math.comb(k - 1, s)) for s in range(k)], dtype=dtype)
    return bits, weights[bits.sum(1).long()]


def shapley_slopes(activation: Activation, start: Tensor, steps: Tensor) -> Tensor:
    """Return E_S[secant(z_S, z_S + u_i)] over Shapley's distribution of S ∌ i, z_S = z⁰ + Σ_{j∈S} u_j.

    u_i times this is Σ_{S∋i} J(S)/|S| of one neuron.

    Args:
        activation: σ.
        start: z⁰, shape (E, units).
        steps: u_i, shape (E, units, k).
    """
    k = steps.shape[-1]
    bits, weights = coalition_weights(k, steps.dtype)
    averages = torch.empty_like(steps)
    for i in range(k):
        others = torch.cat([steps[..., :i], steps[..., i + 1 :]], -1)
        sums = start[..., None] + others @ bits.T
        slopes = activation.secant(sums[None], (sums + steps[..., i : i + 1])[None])[0]
        averages[..., i] = slopes @ weights
    return averages

"""Shapley values of one neuron σ(c + Σu_i) as multipliers: averaged secants."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Slope = Callable[[Tensor, Tensor], Tensor]
"""Secant of σ between two points."""

EXACT_FAN_IN = 12
"""Up to this many inputs every coalition is enumerated: 2^11 secants for each."""


def exact_slopes(z0: Tensor, steps: Tensor, slope: Slope) -> Tensor:
    """Return E_S[sec(z_S, z_S + u_i)] over the Shapley distribution of S ∌ i, z_S = z⁰ + Σ_{j∈S} u_j.

    φ_i = u_i times this, by φ_i = E_S[σ(z_S + u_i) − σ(z_S)]; a secant in place of the quotient gives the
    limit where u_i = 0. Exact, 2^{n−1} secants per input.

    Args:
        z0: Pre-activations at b, shape (R,).
        steps: u_i = w_iΔ_i, shape (R, n).
        slope: Secant.

    Returns:
        Shape (R, n).
    """
    n = steps.shape[-1]
    # the weight of one coalition of s of the n − 1 others; all coalitions of one size weigh 1/n together
    of_size = torch.tensor(
        [1 / (n * math.comb(n - 1, s)) for s in range(n)], dtype=steps.dtype, device=steps.device
    )
    slopes = torch.empty_like(steps)
    for i in range(n):
        others = torch.cat([steps[:, :i], steps[:, i + 1 :]], -1)
        sums, sizes = z0[:, None], torch.zeros(1, dtype=torch.long)
        for j in range(n - 1):
            sums = torch.cat([sums, sums + others[:, j : j + 1]], -1)
            sizes = torch.cat([sizes, sizes + 1])
        weights = of_size[sizes.to(steps.device)]
        slopes[:, i] = (slope(sums, sums + steps[:, i : i + 1]) * weights).sum(-1)
    return slopes


def sampled_slopes(z0: Tensor, steps: Tensor, slope: Slope, pairs: int, generator: torch.Generator) -> Tensor:
    """Return the same averaged over random orders, each with its reverse.

    Along one order Σ_i u_i·sec telescopes to σ(z) − σ(z⁰), so the average is complete for any number of
    orders.

    Args:
        z0: Shape (R,).
        steps: Shape (R, n).
        slope: Secant.
        pairs: Orders drawn, each used forwards and backwards.
        generator: Source of randomness, on the CPU.

    Returns:
        Shape (R, n).
    """
    total = torch.zeros_like(steps)
    for _ in range(pairs):
        drawn = torch.randperm(steps.shape[-1], generator=generator)
        for order in (drawn, drawn.flip(0)):
            order = order.to(steps.device)
            ends = z0[:, None] + steps[:, order].cumsum(-1)
            starts = torch.cat([z0[:, None], ends[:, :-1]], -1)
            total.index_add_(1, order, slope(starts, ends))
    return total / (2 * pairs)

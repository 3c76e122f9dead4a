"""RevealCancel on one unit: the slopes for the positive and the negative part of its input difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Slope = Callable[[Tensor, Tensor], Tensor]
"""Secant of the unit between two points."""


@dataclass(frozen=True)
class PartSlopes:
    """q⁺ and q⁻ with the parts Δ⁺ ≥ 0 ≥ Δ⁻ of Δz they belong to.

    Attributes:
        up: q⁺ = ½[sec(z⁰, z⁰+Δ⁺) + sec(z⁰+Δ⁻, z)].
        down: q⁻ = ½[sec(z⁰, z⁰+Δ⁻) + sec(z⁰+Δ⁺, z)].
        rise: Δ⁺ = ½(Δ + A).
        fall: Δ⁻ = ½(Δ − A).
    """

    up: Tensor
    down: Tensor
    rise: Tensor
    fall: Tensor

    @property
    def effect_up(self) -> Tensor:
        """Δy⁺ = q⁺Δ⁺."""
        return self.up * self.rise

    @property
    def effect_down(self) -> Tensor:
        """Δy⁻ = q⁻Δ⁻."""
        return self.down * self.fall


def part_slopes(z0: Tensor, z: Tensor, spread: Tensor, slope: Slope, plain: Slope) -> PartSlopes:
    """Return the slopes of eq. (41): each part's effect averaged over both orders of adding the parts.

    q⁺Δ⁺ + q⁻Δ⁻ telescopes to Δy. Slopes are secants between the rounded points, never quotients of rounded
    effects: a part that should be empty is 1e-17 and would blow up, so it gets a finite slope times 0. Where
    a part leaves the domain (√, log, 1/z across 0) both get the plain secant, a choice.

    Args:
        z0: Input at b; a leading 1 serves the batch.
        z: Input at x.
        spread: A = Δ⁺ − Δ⁻ ≥ |Δ|.
        slope: Secant; not finite or NaN outside the domain.
        plain: Secant from z0 to z, always finite.

    Returns:
        The slopes.
    """
    delta = z - z0
    rise, fall = (delta + spread) / 2, (delta - spread) / 2
    high, low = z0 + rise, z0 + fall
    up = (slope(z0, high) + slope(low, z)) / 2
    down = (slope(z0, low) + slope(high, z)) / 2
    if not bool(torch.isfinite(up.sum() + down.sum())):
        outside = ~(torch.isfinite(up) & torch.isfinite(down))
        ordinary = plain(z0, z)
        up, down = torch.where(outside, ordinary, up), torch.where(outside, ordinary, down)
    return PartSlopes(up, down, rise, fall)

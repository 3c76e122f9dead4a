"""RevealCancel on one unit, eq. (41), as a map of the pair (Δ, A) that loses nothing when A is large.

A unit's input difference Δ = Δ⁺ + Δ⁻ comes with A = Δ⁺ − Δ⁻ ≥ |Δ|, and its slopes q⁺, q⁻ with p = ½(q⁺ + q⁻)
and r = ½(q⁺ − q⁻). Effects and differences are then related by one symmetric matrix,

    D = Δy = pΔ + rA,    B = Δy⁺ − Δy⁻ = rΔ + pA.

With depth A grows like a product of ‖|W|‖, by 1e10 in ten layers, while Δ and D stay of the size of the
values: r is of the size D/A, and as a difference of two computed slopes it would be rounding (eps·A in every
sum, which is 1e-6 in float64 and more than the scores in float32). Completeness gives it instead,

    r = (D − pΔ)/A,

exact to eps·(|D| + |Δ|)/A whatever the error of p. The walk's sums s_inΔ + d_inA = sD + dB then hold to eps
of their terms, d being of the size s/A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths.secant import fraction_above

Slope = Callable[[Tensor, Tensor], Tensor]
"""Secant of the unit between two points."""


@dataclass(frozen=True)
class PartMap:
    """How a unit hands on the multipliers s = ½(m⁺ + m⁻) and d = ½(m⁺ − m⁻) of its result.

    Attributes:
        mean: p.
        tilt: r.
        joined: The sign of Δy⁺ and Δy⁻ where they have one or count as one, 0 elsewhere; None: 0 everywhere.
        turned: Elsewhere 1 where they keep the signs of their parts and −1 where they exchange them, 0 where
            they are joined; None: 1 everywhere without ``joined`` (increasing units), 0 everywhere with it.
    """

    mean: Tensor
    tilt: Tensor
    joined: Tensor | None = None
    turned: Tensor | None = None

    def pull(self, s: Tensor, d: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return s and d of the unit's input.

        A part whose effect has the sign σ takes m = s + σd, so that, with e = s + joined·d and f = turned·d,
        s_in = pe + rf and d_in = re + pf.

        Args:
            s: Of the result.
            d: Of the result; None: 0.
        """
        if d is not None and self.joined is not None:
            s = torch.addcmul(s, self.joined, d)
            d = None if self.turned is None else self.turned * d
        if d is None:
            return self.mean * s, self.tilt * s
        return (self.mean * s).addcmul_(self.tilt, d), (self.tilt * s).addcmul_(self.mean, d)


def relu_map(
    z0: Tensor, z: Tensor, y0: Tensor, y: Tensor, spread: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return p, r, B = relu(z⁰ + Δ⁺) − relu(z⁰ + Δ⁻) and D of relu.

    Increasing units have D + B = 2Δy⁺ and D − B = 2Δy⁻, so both slopes are quotients of what there is. Parts
    that are small beside the points, or empty but for rounding, get the secants themselves; of an empty part
    that is ½[σ′(z⁰) + σ′(z)], the limit, which a value that stays the same under *variables* does meet.

    Args:
        z0: Input at b; a leading 1 serves the batch.
        z: Input at x.
        y0: relu(z0).
        y: relu(z).
        spread: A.
    """
    delta, effect = z - z0, y - y0
    rise, fall = spread + delta, spread - delta  # 2Δ⁺, −2Δ⁻
    ends = torch.add(z0, rise, alpha=0.5).relu_().sub_(torch.add(z0, fall, alpha=-0.5).relu_())
    bound = torch.finfo(z.dtype).eps ** 0.5
    margin = torch.minimum(rise, fall).sub_(spread, alpha=bound)
    some = bool(margin.numel()) and bool(margin.amin() <= bound * z0.abs().amax())
    up, down = (ends + effect).div_(rise), (ends - effect).div_(fall)
    mean = up.add_(down).mul_(0.5)
    small = (margin <= bound * z0.abs()).reshape(-1).nonzero().squeeze(1) if some else None
    if small is not None:
        start = z0.take(small % z0.numel())
        mean.put_(small, _relu_mean(start, z.take(small), rise.take(small), fall.take(small)))
    tilt = torch.addcmul(effect, mean, delta, value=-1).div_(spread)
    if small is not None:  # within bounds where rounding left A < |Δ|, and 0 for 0/0
        tilt.put_(small, tilt.take(small).clamp_(-0.5, 0.5).nan_to_num_())
    return mean, tilt, ends, effect


def _relu_mean(z0: Tensor, z: Tensor, rise: Tensor, fall: Tensor) -> Tensor:
    """Return p of relu from the four secants between rounded points."""
    high, low = z0 + rise / 2, z0 - fall / 2
    pairs = ((z0, high), (low, z), (z0, low), (high, z))
    total = torch.zeros_like(z)
    for start, end in pairs:
        total += fraction_above(start, end)
    return total / 4


def general_map(
    z0: Tensor, z: Tensor, effect: Tensor, spread: Tensor, slope: Slope, plain: Slope
) -> tuple[Tensor, Tensor, Tensor]:
    """Return p, r and B of any unit: each part's effect is averaged over both orders of adding the parts.

    Slopes are secants between the rounded points, never quotients of rounded effects: a part that should be
    empty is 1e-17 and would blow up. Where a part leaves the domain (√, log, 1/z across 0) both get the plain
    secant, a choice.

    Args:
        z0: Input at b; a leading 1 serves the batch.
        z: Input at x.
        effect: D.
        spread: A; raised to |Δ| where rounding left less.
        slope: Secant; not finite or NaN outside the domain.
        plain: Secant from z0 to z, always finite.
    """
    delta = z - z0
    spread = torch.maximum(spread, delta.abs())
    high, low = z0 + (delta + spread) / 2, z0 + (delta - spread) / 2
    up = slope(z0, high).add_(slope(low, z))
    down = slope(z0, low).add_(slope(high, z))
    mean = (up + down) / 4
    if not bool(torch.isfinite(mean.sum())):
        outside = ~(torch.isfinite(up) & torch.isfinite(down))
        mean = torch.where(outside, plain(z0, z), mean)
    still = spread == 0
    tilt = torch.addcmul(effect, mean, delta, value=-1) / torch.where(still, 1.0, spread)
    tilt = torch.where(still, 0.0, tilt)
    return mean, tilt, torch.addcmul(tilt * delta, mean, spread)


def relabelled(mean: Tensor, tilt: Tensor, ends: Tensor, effect: Tensor) -> tuple[PartMap, Tensor]:
    """Return the map of *parts* and A of the result: effects are grouped again by their signs, a choice.

    Effects ½(D ± B) of opposite signs have |B| ≥ |D|, of one sign |B| < |D|; |Δy⁺| + |Δy⁻| = max(|B|, |D|).

    Args:
        mean: p.
        tilt: r.
        ends: B.
        effect: D.
    """
    size, total = ends.abs(), effect.abs()
    apart = size >= total
    if bool((apart & (ends >= 0)).all()):
        return PartMap(mean, tilt), size
    turned = torch.where(apart, ends.sign(), 0.0)
    joined = torch.where(apart, 0.0, effect.sign())
    return PartMap(mean, tilt, joined, turned), torch.maximum(size, total)


def regrouped(mean: Tensor, tilt: Tensor, effect: Tensor) -> tuple[PartMap, Tensor]:
    """Return the map of *variables* and A = |D| of the result: its own sign decides its group.

    Args:
        mean: p.
        tilt: r.
        effect: D; 0 takes s alone, a choice.
    """
    return PartMap(mean, tilt, effect.sign()), effect.abs()

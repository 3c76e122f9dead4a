"""Slopes of chords: Δy/Δz of a one-input function, with the limits where Δz is small."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
"""Elementwise function of one tensor."""


def derivative(function: Function, z: Tensor) -> Tensor:
    """Return φ′(z) elementwise by autograd; torch's one-sided value at a kink, 0 for a step.

    Args:
        function: φ, elementwise.
        z: Any shape.

    Returns:
        Shape of z.
    """
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        y = function(leaf)
        if not y.requires_grad:
            return torch.zeros_like(z)
        (slope,) = torch.autograd.grad(y.sum(), leaf)
    return slope


def smooth(
    function: Function, z0: Tensor, z1: Tensor, y0: Tensor, y1: Tensor, *, scale_free: bool = False
) -> Tensor:
    """Return the secant of a smooth function, σ′ of the midpoint where Δz is below eps^{1/3} of the scale.

    The midpoint's slope differs from the secant by σ‴Δz²/24, so by Δz³ ≈ eps in the sum; σ′ of an end would
    cost Δz². Above the threshold the quotient's rounding is at most eps^{2/3} in the slope and none in the
    sum.

    Args:
        function: σ.
        z0: One end.
        z1: Other end; broadcasts with z0.
        y0: σ(z0).
        y1: σ(z1).
        scale_free: The scale is min(|z0|, |z1|) and not 1 + max: for powers and logarithms, singular at 0.

    Returns:
        Slopes, the broadcast shape; eq. (40) is the limit Δz → 0.
    """
    d = z1 - z0
    if scale_free:
        scale = torch.minimum(z0.abs(), z1.abs())
    else:
        scale = torch.maximum(z0.abs(), z1.abs()).add_(1)
    near = d.abs() <= torch.finfo(d.dtype).eps ** (1 / 3) * scale
    return _patched(function, z0, z1, (y1 - y0).div_(d), near | (d == 0))


def kinked(function: Function, z0: Tensor, z1: Tensor, y0: Tensor, y1: Tensor) -> Tensor:
    """Return Δy/Δz of a function with kinks or jumps; torch's derivative only where Δz is exactly 0.

    A midpoint's slope would be wrong by O(1) for a chord across a kink, however short.

    Args:
        function: σ.
        z0: One end.
        z1: Other end; broadcasts with z0.
        y0: σ(z0).
        y1: σ(z1).

    Returns:
        Slopes, the broadcast shape.
    """
    d = z1 - z0
    q = (y1 - y0).div_(d)
    if not torch.isnan(q.sum()):  # one reading pass; the usual case
        return q
    return _patched(function, z0, z1, q, d == 0)


def _patched(function: Function, z0: Tensor, z1: Tensor, q: Tensor, near: Tensor) -> Tensor:
    """Return quotients; where the ends are near the midpoint's derivative, where both are infinite 0."""
    if near.any():
        slope = derivative(function, ((z0 + z1) / 2).expand_as(q))
        q = torch.where(near, slope, q)
    both_infinite = torch.isinf(z0) & (z0 == z1)  # masked at both ends: nothing moves
    return torch.where(both_infinite, 0.0, q) if both_infinite.any() else q


def fraction_above(z0: Tensor, z1: Tensor, cut: float | Tensor = 0.0) -> Tensor:
    """Return the share of [z0, z1] above a cut: the secant of relu(z − cut); 1[z > cut] at a point.

    Both ends above give exactly 1, both below exactly 0.

    Args:
        z0: One end.
        z1: Other end.
        cut: The position of the kink.

    Returns:
        In [0, 1], the broadcast shape.
    """
    if isinstance(cut, Tensor) or cut != 0:
        z0, z1 = z0 - cut, z1 - cut
    d = z1 - z0
    q = (z1.relu() - z0.relu()).div_(d)
    if torch.isnan(q.sum()):
        q = torch.where(d == 0, (z1 > 0).to(q.dtype), q)
    return q.clamp_(0, 1)


def fraction_between(z0: Tensor, z1: Tensor, low: float, high: float) -> Tensor:
    """Return the share of [z0, z1] inside [low, high]: the secant of clamp; 1[low < z < high] at a point."""
    above = fraction_above(z0, z1, low) if low != -float("inf") else torch.ones_like(z1 - z0)
    return above if high == float("inf") else above - fraction_above(z0, z1, high)


def exp(z0: Tensor, z1: Tensor) -> Tensor:
    """Return (e^{z1} − e^{z0})/(z1 − z0) = e^{mid}·sinh(d/2)/(d/2), d = z1 − z0."""
    half = (z1 - z0) / 2
    return ((z0 + z1) / 2).exp() * sinhc(half)


def sinhc(h: Tensor) -> Tensor:
    """Return sinh(h)/h, its series 1 + h²/6 + h⁴/120 where h is small."""
    small = h.abs() < torch.finfo(h.dtype).eps ** (1 / 6)
    safe = torch.where(small, 1.0, h)
    square = h * h
    return torch.where(small, 1 + square / 6 + square * square / 120, safe.sinh() / safe)


def elu(z0: Tensor, z1: Tensor, alpha: float, scale: float, input_scale: float) -> Tensor:
    """Return the secant of ELU: its two pieces, each by its share of the chord.

    With n = min(z, 0): Δy = scale·Δrelu(z) + scale·α·Δexpm1(s·n), and Δn/Δz is the share below 0.
    """
    above = fraction_above(z0, z1)
    n0, n1 = z0.clamp(max=0) * input_scale, z1.clamp(max=0) * input_scale
    return scale * above + scale * alpha * input_scale * exp(n0, n1) * (1 - above)


def power(z0: Tensor, z1: Tensor, exponent: float) -> Tensor | None:
    """Return the secant of z^p in closed form for the usual exponents, None for others.

    z²: z0 + z1; z³: z0² + z0z1 + z1²; √z: 1/(√z0 + √z1); 1/√z: −1/(√z0√z1(√z0 + √z1)); 1/z: −1/(z0z1);
    1/z²: −(z0 + z1)/(z0z1)².
    """
    if exponent == 2:
        return z0 + z1
    if exponent == 3:
        return z0 * z0 + z0 * z1 + z1 * z1
    if exponent == 0.5:
        return 1 / (z0.sqrt() + z1.sqrt())
    if exponent == -0.5:
        r0, r1 = z0.sqrt(), z1.sqrt()
        return -1 / (r0 * r1 * (r0 + r1))
    if exponent == -1:
        return -1 / (z0 * z1)
    if exponent == -2:
        return -(z0 + z1) / (z0 * z1) ** 2
    return None

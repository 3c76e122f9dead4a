"""Does the Taylor series reach the input? Probed along rays, each a series in one variable.

The series of f̃(t) = f(b + Σ_g t_g Δ_g) converges at t = 1 only if it does along every ray t = s·1_T.
Rays are probed by univariate jets: the whole difference, each player alone, and seeded random coalitions,
because the diagonal misses what cancels along it: f = 1/(1 + 25(t₁ − t₂)²) is constant on t₁ = t₂, and ψ₁
diverges. A ray passes when its estimated radius exceeds :data:`MARGIN` and the partial sum at the highest
order is as near to the exact value at the ray's end as that radius allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from taylorattr.maths.radius import radius
from taylorattr.maths.subsets import to_coalition

MARGIN = 1.1
"""A series whose estimated radius is below this is not trusted at distance 1."""

ORDER = 14
"""Order of the probing jets."""

MOST_ALONE = 64
"""Players probed alone; with more, those with the largest first-order effects."""

MOST_RANDOM = 16
"""Random coalitions probed."""

SLACK = 100.0
"""A remainder along a ray may exceed the estimate |c_L|/(ρ − 1) by this factor.

The estimate is a geometric series; coefficients oscillate, or have powers of the order beside ρ^{−m}."""

NOISE = 1e6
"""A remainder below this many units of rounding of the largest coefficient is rounding."""

EXACT = 1e3
"""Partial sums nearer to the value at the ray's end than this many units of rounding have reached it."""

REACHED = 4
"""So many partial sums in a row must have reached the end before what follows is taken for rounding."""


@dataclass(frozen=True)
class Kinks:
    """Gates (elements of a ReLU, max, abs, clamp, …) between the expansion point and the far end.

    Attributes:
        path: Gates that switch along the straight path, seen at 64 steps: a lower bound.
        per_player: For each player, gates that differ between the two ends of its direction: lower bounds.
        at_expansion: Gates exactly on their kink at the expansion point, where the branch is a convention.
        escapes: Whether the model reads values into Python (branches, ``.item()``) and leaves its program on
            the way, so that nothing can be said.
    """

    path: int
    per_player: list[int]
    at_expansion: int
    escapes: bool


@dataclass(frozen=True)
class Ray:
    """One probed ray t = s·1_T, s from 0 to 1.

    Attributes:
        players: T.
        radius: Estimated radius of convergence in s; inf for a polynomial and for a series that ended in
            rounding.
        remainder: Value at the ray's end minus the partial sum at order L, relative to the largest
            coefficient (with the constant one for a series that ended in rounding).
        passed: Whether the series can be trusted along this ray.
    """

    players: tuple[int, ...]
    radius: float
    remainder: float
    passed: bool


def probing_masks(first_order: np.ndarray, seed: int) -> list[int]:
    """Return the bitmasks of the coalitions whose rays are probed, the full coalition first.

    Args:
        first_order: First-order effects of one example, shape (n,); they order the players when n > 64.
        seed: Seed of the random coalitions.

    Returns:
        Distinct masks (Python integers): all players; each player alone, or the 64 with the largest
        first-order effects; up to 16 random coalitions of at least two players.
    """
    n = len(first_order)
    alone = np.sort(np.argsort(-np.abs(first_order), kind="stable")[:MOST_ALONE])
    masks = [(1 << n) - 1, *(1 << int(i) for i in alone)]
    rng = np.random.default_rng(seed)
    for _ in range(MOST_RANDOM):
        present = rng.random(n) < 0.5
        masks.append(sum(1 << int(i) for i in np.flatnonzero(present)))
    return list(dict.fromkeys(mask for mask in masks if mask))  # each once, in this order


def judge(mask: int, coefficients: np.ndarray, end: float, dtype: torch.dtype) -> Ray:
    """Judge one ray from its jet and the exact value at its end.

    Args:
        mask: The ray's coalition.
        coefficients: c_0 … c_L of s ↦ f̃(s·1_T), shape (L+1,).
        end: f̃(1_T).
        dtype: Dtype the coefficients were computed in.

    Returns:
        The judgement.
    """
    rho = radius(coefficients)
    # without c_0: a large constant would hide a remainder as large as the effects
    scale = max(float(np.abs(coefficients[1:]).max()), abs(end - coefficients[0]))
    if not np.isfinite(coefficients).all() or not np.isfinite(end):
        return Ray(to_coalition(mask), rho, float("nan"), False)
    remainder = float(end - coefficients.sum())
    if scale == 0.0:
        return Ray(to_coalition(mask), rho, 0.0, True)
    if ended(coefficients, end, dtype):
        return Ray(to_coalition(mask), np.inf, remainder / max(scale, abs(coefficients[0])), True)
    allowed = NOISE * torch.finfo(dtype).eps * max(scale, abs(coefficients[0]))
    if MARGIN < rho < np.inf:
        # the largest of the last three coefficients, since of an odd or even function every other one is 0
        tail = float(np.abs(coefficients[-3:]).max()) / (rho - 1.0)
        allowed += SLACK * tail
    return Ray(to_coalition(mask), rho, remainder / scale, bool(rho > MARGIN and abs(remainder) <= allowed))


def ended(coefficients: np.ndarray, end: float, dtype: torch.dtype) -> bool:
    """Return whether a series has reached its value, so that its remaining coefficients are rounding.

    Where terms cancel (Σ softmax = 1, log Σ e^z of one z) the coefficients of the whole vanish while those of
    the parts do not: their rounding remains, and grows by the order as fast as the parts do. Such a tail has
    no radius to tell. It shows in the partial sums S_m = c_0 + … + c_m: four in a row, from S_1 on, are the
    value at the end to rounding, and no later one leaves it by more than half of the digits.

    A singular part weaker than rounding looks the same: no value of the function tells it from nothing.

    Args:
        coefficients: c_0 … c_L, shape (L+1,), finite.
        end: Value at s = 1.
        dtype: Dtype the coefficients were computed in.
    """
    eps = torch.finfo(dtype).eps
    errors = np.abs(np.cumsum(coefficients)[1:] - end)
    scale = max(abs(float(coefficients[0])), abs(end))
    reached = errors <= EXACT * eps * scale
    for k in range(len(errors) - REACHED + 1):
        if reached[k : k + REACHED].all():
            return bool(errors[k:].max() <= np.sqrt(eps) * scale)
    return False


def falling(order_sizes: Sequence[float]) -> bool:
    """Return whether Σ_{|κ|=m} |I(κ)| falls over the last orders.

    A series that ends within the probed order (a polynomial) converges whatever its terms do and is not
    asked. The last order must lie below the larger of the two before it (odd or even functions skip every
    other order); with fewer than two orders there is nothing to compare and the answer is True.
    """
    sizes = [float(size) for size in order_sizes]
    if len(sizes) < 2:
        return True
    return sizes[-1] <= max(sizes[-3:-1])


def reason(rays: Sequence[Ray], sizes: Sequence[float], kinks: Kinks | None, names: Sequence[str]) -> str:
    """Say in one sentence why the series is not trusted, "" if nothing speaks against it.

    Args:
        rays: The probed rays.
        sizes: Σ_{|κ|=m} |I(κ)| for m = 1 … K.
        kinks: What lies between the two ends; None if that cannot be known.
        names: Player names.

    Returns:
        The sentence.
    """
    if kinks is None:
        return unprobed(captured=False)
    if kinks.escapes:
        return "the model branches on values or reads them into Python, and takes another way at the far end"
    if kinks.path or any(kinks.per_player):
        switches = max(kinks.path, max(kinks.per_player))
        return (
            f"at least {switches} kinks (ReLU, max, abs, clamp or the like) switch between baseline and input"
        )
    if kinks.at_expansion:
        return f"{kinks.at_expansion} gates lie exactly on their kink at the expansion point"
    failed = [ray for ray in rays if not ray.passed]
    if failed:
        # values that are not finite first, then the smallest radius
        worst = min(failed, key=lambda ray: -1.0 if np.isnan(ray.remainder) else ray.radius)
        where = "from baseline to input" if len(worst.players) == len(names) else _named(worst.players, names)
        if np.isnan(worst.remainder):
            return f"along the ray {where} derivatives at the expansion point, or values, are not finite"
        if not np.isfinite(worst.radius) or worst.radius > MARGIN:
            return (
                f"along the ray {where} the series converges to another value (off by {worst.remainder:.1e})"
            )
        return (
            f"along the ray {where} the estimated radius of convergence is {worst.radius:.2f}, below {MARGIN}"
        )
    polynomial = all(np.isinf(ray.radius) for ray in rays)
    if not polynomial and not falling(sizes):
        return f"the effects of order {len(sizes)} are still larger in sum than those of the orders before"
    return ""


def unprobed(captured: bool) -> str:
    """Say why convergence was not probed where no polynomial walk is possible."""
    if not captured:
        return "the model could not be captured, so neither kinks nor the radius of convergence are known"
    return (
        "an operation has no Taylor rule, so the jets that show the radius of convergence are not available"
    )


def _named(players: Sequence[int], names: Sequence[str]) -> str:
    """Return the first four players of a ray by name, and how many there are more."""
    first = ", ".join(names[i] for i in players[:4])
    return f"of {first}" + (f" and {len(players) - 4} more players" if len(players) > 4 else "")

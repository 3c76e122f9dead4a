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

from taylorattr.maths.radius import radii
from taylorattr.maths.subsets import to_coalition

MARGIN = 1.1
"""A series whose estimated radius is below this is not trusted at distance 1."""

ORDER = 14
"""Order of the probing jets."""

FIRST_ORDERS = range(4, 9)
"""Orders at which a ray may be seen to have come to its end; see `come_to_end`."""

NEGLIGIBLE = 1e-6
"""Share of a ray's scale within which its partial sum must then be of the value at its end.

A singular part that is weaker than that is not seen at these orders, at order 14 it may be."""

NEARLY_NEGLIGIBLE = 1e-4
"""Share of a ray's scale within which its last two coefficients must then be.

Of 24,900 rays of random networks a third came to their ends by order 6 and 42 % by order 7, all of which pass
at `ORDER`."""

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
        path: Gates that switch along the straight path, seen at so many steps: a lower bound.
        per_player: For each player, gates that differ between the two ends of its direction: lower bounds.
        at_expansion: Gates exactly on their kink at the expansion point, where the branch is a convention.
        escapes: Whether the model reads values into Python (branches, ``.item()``) and leaves its program on
            the way, so that nothing can be said.
        steps: 1 where the two ends alone were compared, because that or something else decided the verdict.
    """

    path: int
    per_player: list[int]
    at_expansion: int
    escapes: bool
    steps: int = 1


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
        order: L.
    """

    players: tuple[int, ...]
    radius: float
    remainder: float
    passed: bool
    order: int = ORDER


def players_alone(first_order: np.ndarray) -> list[int]:
    """Return the players whose rays are probed alone, in order: all, or the 64 with the largest effects.

    Args:
        first_order: First-order effects of one example, shape (n,).
    """
    if len(first_order) <= MOST_ALONE:
        return list(range(len(first_order)))
    return np.sort(np.argsort(-np.abs(first_order), kind="stable")[:MOST_ALONE]).tolist()


def random_coalitions(n: int, seed: int) -> list[int]:
    """Return the bitmasks (Python integers) of up to 16 random coalitions, each once.

    They have at least two players, and not all.

    Args:
        n: Number of players.
        seed: Their seed.
    """
    rng = np.random.default_rng(seed)
    drawn = [rng.random(n) < 0.5 for _ in range(MOST_RANDOM)]
    masks = (sum(1 << int(i) for i in np.flatnonzero(present)) for present in drawn)
    return [mask for mask in dict.fromkeys(masks) if 2 <= mask.bit_count() < n]


@dataclass(frozen=True)
class Judged:
    """What is judged of R rays at once; see `Ray`.

    Attributes:
        radius: Shape (R,).
        remainder: Shape (R,).
        passed: Shape (R,), bool.
    """

    radius: np.ndarray
    remainder: np.ndarray
    passed: np.ndarray

    @staticmethod
    def empty(count: int) -> Judged:
        """Return so many rays of which nothing is known."""
        return Judged(np.empty(count), np.empty(count), np.zeros(count, dtype=bool))

    def replaced(self, rows: np.ndarray, others: Judged) -> Judged:
        """Return the same with other judgements of some rows."""
        columns = [self.radius.copy(), self.remainder.copy(), self.passed.copy()]
        for column, other in zip(columns, (others.radius, others.remainder, others.passed), strict=True):
            column[rows] = other
        return Judged(*columns)

    def ray(self, row: int, mask: int, order: int) -> Ray:
        """Return one of them, that of a coalition, judged from a jet of this order."""
        radius, remainder = float(self.radius[row]), float(self.remainder[row])
        return Ray(to_coalition(mask), radius, remainder, bool(self.passed[row]), order)


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
    judged = judge_all(np.asarray(coefficients)[None], np.array([end]), dtype)
    return judged.ray(0, mask, len(coefficients) - 1)


def judge_all(coefficients: np.ndarray, ends: np.ndarray, dtype: torch.dtype) -> Judged:
    """Judge R rays, each by itself.

    Args:
        coefficients: c_0 … c_L of each, shape (R, L+1).
        ends: Values at their ends, shape (R,).
        dtype: Dtype the coefficients were computed in.

    Returns:
        The judgements.
    """
    rho = radii(coefficients)
    known = np.isfinite(coefficients).all(axis=1) & np.isfinite(ends)
    c, end = np.where(known[:, None], coefficients, 0.0), np.where(known, ends, 0.0)
    # without c_0: a large constant would hide a remainder as large as the effects
    scale = np.maximum(np.abs(c[:, 1:]).max(axis=1), np.abs(end - c[:, 0]))
    with_start = np.maximum(scale, np.abs(c[:, 0]))
    remainder = end - c.sum(axis=1)
    flat, gone = scale == 0.0, _ended(c, end, dtype)
    allowed = NOISE * torch.finfo(dtype).eps * with_start
    # the largest of the last three coefficients, since of an odd or even function every other one is 0
    reaching = (rho > MARGIN) & (rho < np.inf)
    room = np.divide(SLACK, rho - 1.0, out=np.zeros_like(rho), where=reaching)
    allowed += room * np.abs(c[:, -3:]).max(axis=1)
    passed = known & (flat | gone | ((rho > MARGIN) & (np.abs(remainder) <= allowed)))
    share = np.divide(remainder, np.where(gone, with_start, scale), out=np.zeros_like(scale), where=~flat)
    return Judged(
        radius=np.where(known & gone & ~flat, np.inf, rho),
        remainder=np.where(known, share, np.nan),
        passed=passed,
    )


def come_to_end(coefficients: np.ndarray, ends: np.ndarray, dtype: torch.dtype) -> Judged:
    """Judge R rays by few coefficients: those pass that have reached the values at their ends.

    Nothing is said of the others. The radius is what the last coefficients have fallen by.

    Args:
        coefficients: c_0 … c_L of each, shape (R, L+1), L ≥ 2.
        ends: Values at their ends, shape (R,).
        dtype: Dtype the coefficients were computed in.

    Returns:
        The judgements.
    """
    known = np.isfinite(coefficients).all(axis=1) & np.isfinite(ends)
    c, end = np.where(known[:, None], coefficients, 0.0), np.where(known, ends, 0.0)
    scale = np.maximum(np.abs(c[:, 1:]).max(axis=1), np.abs(end - c[:, 0]))
    remainder, last = end - c.sum(axis=1), np.abs(c[:, -2:]).max(axis=1)
    rounding = 1e2 * torch.finfo(dtype).eps * np.maximum(scale, np.abs(c[:, 0]))
    near = np.abs(remainder) <= NEGLIGIBLE * scale + rounding
    small = last <= NEARLY_NEGLIGIBLE * scale + rounding
    fallen = np.divide(scale, last, out=np.full_like(scale, np.inf), where=last > 0.0)
    share = np.divide(remainder, scale, out=np.zeros_like(scale), where=scale > 0.0)
    return Judged(fallen ** (1.0 / (c.shape[1] - 2)), share, known & near & small)


def first_orders(coefficients: np.ndarray, ends: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """Return the order at which each of R rays has come to its end, `ORDER` where it has not.

    Args:
        coefficients: c_0 … c_L of each, shape (R, L+1), L = `ORDER`.
        ends: Values at their ends, shape (R,).
        dtype: Dtype the coefficients were computed in.

    Returns:
        Shape (R,), integers.
    """
    orders = np.full(len(ends), ORDER)
    for order in reversed(FIRST_ORDERS):
        orders[come_to_end(coefficients[:, : order + 1], ends, dtype).passed] = order
    return orders


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
    return bool(_ended(np.asarray(coefficients)[None], np.array([end]), dtype)[0])


def _ended(c: np.ndarray, end: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """Return which of R series have reached their values, shape (R,), bool."""
    eps = torch.finfo(dtype).eps
    errors = np.abs(np.cumsum(c, axis=1)[:, 1:] - end[:, None])
    scale = np.maximum(np.abs(c[:, 0]), np.abs(end))
    reached = errors <= EXACT * eps * scale[:, None]
    count = max(errors.shape[1] - REACHED + 1, 0)
    four = np.ones((len(c), count), dtype=bool)
    for j in range(REACHED):
        four &= reached[:, j : j + count]
    # the largest error from each sum on; the first four in a row decide
    behind = np.maximum.accumulate(errors[:, ::-1], axis=1)[:, ::-1]
    first = four.argmax(axis=1) if count else np.zeros(len(c), dtype=int)
    stays = behind[np.arange(len(c)), first] <= np.sqrt(eps) * scale
    return four.any(axis=1) & stays


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

"""What rounding and sampling alone would show: η, σ(S), and unbiased squares from repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.statistics import ratio, rms, size_of_scores
from taylorattr.maths.mobius import truncated_zeta_, zeta_

ROUNDINGS = 16.0
"""Unit roundoffs a sum may be off by, in the scale of its parts."""

FLOORS = {"double": 1e-6, "single": 1e-5}
"""No statistic below these is called a defect: some methods accumulate in less precision than they return."""


def floor_of(eps: float) -> float:
    """Return the statistic below which nothing is called a defect."""
    return FLOORS["double" if eps < 1e-12 else "single"]


@dataclass(frozen=True)
class NoiseFloor:
    """η of the two statistics in value space.

    Attributes:
        deficit: [16ε(rms v + rms_T Σ_i|a_i(T)|) + √n·δ·a₊] / V.
        leak: [16ε(rms v + a₊) + δ·a₊] / a₊.
    """

    deficit: float
    leak: float


def noise_floor(
    v: np.ndarray, a: np.ndarray, present: np.ndarray, change: float, eps: float, delta: float
) -> NoiseFloor:
    """Return what rounding alone may show.

    Args:
        v: Shape (C,).
        a: Shape (n, C).
        present: Shape (C, n).
        change: V.
        eps: Largest unit roundoff among inputs, f and scores.
        delta: δ: relative rms difference when rows are computed again in other batches.

    Returns:
        η of deficit and leak.
    """
    level, scores = rms(v), size_of_scores(a, present)
    total = rms(np.abs(a).sum(axis=0))
    of_sum = ROUNDINGS * eps * (level + total) + float(np.sqrt(len(a))) * delta * scores
    of_one = ROUNDINGS * eps * (level + scores) + delta * scores
    return NoiseFloor(ratio(of_sum, change), ratio(of_one, scores))


def effect_noise(
    v: np.ndarray, a: np.ndarray, present: np.ndarray, eps: float, delta: float, order: int | None
) -> np.ndarray:
    """Return σ(S) = √Σ_{T⊆S} σ(T)², shape (C,): the transform adds up the noise of all subsets.

    Args:
        v: Shape (C,), full in bitmask order or all |T| ≤ order by size.
        a: Shape (n, C).
        present: Shape (C, n).
        eps: As in `noise_floor`.
        delta: As in `noise_floor`.
        order: None for a full table.
    """
    scale = max(float(np.abs(v).max()), float(np.abs(a).max()), 1e-300)
    total = np.abs(a).sum(axis=0)
    of_v = 4 * eps * np.abs(v) / scale
    of_a = (8 * eps * (total + np.abs(v)) + delta * size_of_scores(a, present)) / scale
    variance = of_v**2 + of_a**2
    n = present.shape[1]
    summed = zeta_(variance) if order is None else truncated_zeta_(variance, n, order)
    return scale * np.sqrt(summed)


@dataclass(frozen=True)
class Interval:
    """A root of a mean square with bounds.

    Attributes:
        value: √max(U, 0).
        low: Lower bound.
        high: Upper bound.
    """

    value: float
    low: float
    high: float

    def over(self, scale: float) -> Interval:
        """Return the interval relative to a scale."""
        return Interval(ratio(self.value, scale), ratio(self.low, scale), ratio(self.high, scale))


def unbiased_rms(draws: np.ndarray) -> Interval:
    """Return the rms over columns of the expectation of a row, from R independent rows.

    U = Σ_{r≠s} mean_T g_r(T) g_s(T) / (R(R−1)) has the expectation mean_T (E g(T))², where the mean square of
    the mean row is too large by its noise. Bounds are U ± 4 standard errors of a jackknife over the rows.

    Args:
        draws: g, shape (R, C), R ≥ 3; columns of one row may depend on each other.

    Returns:
        The root with its bounds.
    """
    R = len(draws)
    top = float(np.abs(draws).max(initial=0.0))
    if top == 0 or draws.shape[1] == 0:
        return Interval(0.0, 0.0, 0.0)
    gram = (draws / top) @ (draws / top).T / draws.shape[1]
    cross = gram - np.diag(np.diag(gram))
    whole = float(cross.sum())
    without = (whole - 2 * cross.sum(axis=1)) / ((R - 1) * (R - 2))
    error = float(np.sqrt((R - 1) / R * ((without - without.mean()) ** 2).sum()))
    mean = whole / (R * (R - 1))
    value, low, high = (top * float(np.sqrt(max(u, 0.0))) for u in (mean, mean - 4 * error, mean + 4 * error))
    return Interval(value, low, high)


def sampled_effect_noise(A: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return σ(S) of the mean of R measured allocations, pooled within each order.

    Args:
        A: Shape (R, n, C).
        present: Shape (C, n).

    Returns:
        Standard error of Σ_i|A_i(S)| by the largest entry, shape (C,).
    """
    variance = A.var(axis=0, ddof=1).sum(axis=0) / len(A)
    sizes = present.sum(axis=1)
    pooled = np.zeros(A.shape[2])
    for k in np.unique(sizes):
        pooled[sizes == k] = np.sqrt(variance[sizes == k].mean())
    return pooled

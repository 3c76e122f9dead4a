"""What rounding, repetition and sampling alone would show beside a statistic.

Rounding: a floor η for the statistics of values, a standard deviation σ(S) for effects, both from the unit
roundoff ε and from δ, by how much answers differ in other batches. Repetition: means of squares without the
part that noise adds to them. Sampling: intervals over the coalitions that were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.statistics import ratio, rms, size_of_scores
from taylorattr.maths.mobius import mobius_, truncated_zeta_, zeta_

ROUNDOFFS_OF_SUM = 16.0
"""Unit roundoffs a sum may be off by, in the scale of its parts: a model's own sums are long, and no sum of n
terms in a good order is off by more than a few of them."""

ROUNDOFFS_OF_VALUE, ROUNDOFFS_OF_SCORES = 4, 8
"""The same as a standard deviation, of f and of the scores, which a backward pass computes besides f."""

ROUNDOFFS_OF_NO_MOVE = 64
"""Unit roundoffs of rms f by which a function that stands still may seem to move."""

BOUNDS_IN_ERRORS = 4
"""Standard errors between a mean square and its bounds: few repeats make the error itself uncertain."""

BOOTSTRAPS = 400
"""Resamples; the ends of a 95 % interval are then the tenth from either side."""

FLOORS = {"double": 1e-6, "single": 1e-5}
"""No statistic below these is called a defect: some methods accumulate in less precision than they return."""


def floor_of(eps: float) -> float:
    """Return the statistic below which nothing is called a defect, for float64 or anything less precise."""
    return FLOORS["double" if eps < 1e-12 else "single"]


def stands_still(v: np.ndarray, change: float, eps: float) -> bool:
    """Return whether f moves no more than its rounding: there is nothing to share out.

    Args:
        v: f(x_T), shape (C,).
        change: V.
        eps: Unit roundoff.
    """
    return change <= ROUNDOFFS_OF_NO_MOVE * eps * rms(v)


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
    of_sum = ROUNDOFFS_OF_SUM * eps * (level + total) + float(np.sqrt(len(a))) * delta * scores
    of_one = ROUNDOFFS_OF_SUM * eps * (level + scores) + delta * scores
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
    # variances are squares: in units of the largest number they neither overflow nor vanish
    scale = max(float(np.abs(v).max()), float(np.abs(a).max()), 1e-300)
    total = np.abs(a).sum(axis=0)
    of_v = ROUNDOFFS_OF_VALUE * eps * np.abs(v) / scale
    of_a = (ROUNDOFFS_OF_SCORES * eps * (total + np.abs(v)) + delta * size_of_scores(a, present)) / scale
    variance = of_v**2 + of_a**2
    n = present.shape[1]
    summed = zeta_(variance) if order is None else truncated_zeta_(variance, n, order)
    return scale * np.sqrt(summed)


@dataclass(frozen=True)
class Interval:
    """A statistic with bounds; equal ones where nothing was sampled.

    Attributes:
        value: The statistic; of repeats √max(U, 0), see `unbiased_rms`.
        low: Lower bound.
        high: Upper bound.
    """

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Interval:
        """Return a statistic that nothing was sampled for."""
        return cls(value, value, value)

    def over(self, scale: float) -> Interval:
        """Return the interval relative to a scale."""
        return Interval(ratio(self.value, scale), ratio(self.low, scale), ratio(self.high, scale))


def rms_of_draws(draws: np.ndarray) -> Interval:
    """Return the rms over columns, shape (R, C): as it is of one row, without the noise of several."""
    return unbiased_rms(draws) if len(draws) > 1 else Interval.exactly(rms(draws))


def unbiased_rms(draws: np.ndarray) -> Interval:
    """Return the rms over columns of the expectation of a row, from R independent rows.

    U = Σ_{r≠s} mean_T g_r(T) g_s(T) / (R(R−1)) has the expectation mean_T (E g(T))², since different rows are
    independent; the mean square of the mean row is too large by its noise, and a right method that samples
    would fail. Bounds are U ± 4 standard errors of a jackknife over the rows.

    Args:
        draws: g, shape (R, C), R ≥ 3; columns of one row may depend on each other.

    Returns:
        The root with its bounds.
    """
    R = len(draws)
    top = float(np.abs(draws).max(initial=0.0))
    if top == 0 or draws.shape[1] == 0:
        return Interval.exactly(0.0)
    gram = (draws / top) @ (draws / top).T / draws.shape[1]
    cross = gram - np.diag(np.diag(gram))
    whole = float(cross.sum())
    without = (whole - 2 * cross.sum(axis=1)) / ((R - 1) * (R - 2))
    error = float(np.sqrt((R - 1) / R * ((without - without.mean()) ** 2).sum()))
    mean = whole / (R * (R - 1))
    margin = BOUNDS_IN_ERRORS * error
    value, low, high = (top * float(np.sqrt(max(u, 0.0))) for u in (mean, mean - margin, mean + margin))
    return Interval(value, low, high)


def sampled_effect_noise(A: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return σ(S) of the mean of R measured allocations, pooled within each order.

    A variance of few repeats is itself far off; coalitions of one size are added up from as many terms each.

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


def bootstrap(statistic: Callable[[np.ndarray], float], count: int, seed: int) -> Interval:
    """Return a statistic of drawn coalitions with its 95 % interval.

    Args:
        statistic: Of positions among the drawn coalitions, shape (count,), with repetitions.
        count: How many were drawn.
        seed: Of the resampling.
    """
    from scipy.stats import bootstrap as resampled  # loading it takes about a second

    positions = np.arange(count)
    value = statistic(positions)
    # quantiles of the resamples themselves: a bias correction has none where a statistic is 0 in nearly all
    # of them
    low, high = resampled(
        (positions,),
        statistic,
        n_resamples=BOOTSTRAPS,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(value, min(float(low), value), max(float(high), value))


def sampled_deficit(gap: np.ndarray, change: np.ndarray, seed: int) -> Interval:
    """Return rms gap / rms (v − v(∅)) over drawn coalitions, with its interval.

    Args:
        gap: gap(T), shape (m,).
        change: v(T) − v(∅), shape (m,).
        seed: Of the resampling.
    """
    return bootstrap(lambda at: ratio(rms(gap[at]), rms(change[at])), len(gap), seed)


def sampled_leak(a: np.ndarray, present: np.ndarray, seed: int) -> Interval:
    """Return the largest rms_{T∌i} a_i(T) / a₊ over drawn coalitions, with its interval.

    Args:
        a: Shape (n, m).
        present: Shape (m, n).
        seed: Of the resampling.
    """
    scale = float(np.abs(a).max(initial=0.0))
    if scale == 0 or not np.where(present.T, 0.0, a).any():
        return Interval.exactly(0.0)
    inside = np.where(present.T, a / scale, 0.0) ** 2
    outside = np.where(present.T, 0.0, a / scale) ** 2

    def statistic(at: np.ndarray) -> float:
        """Return the largest leak over a resample of the coalitions."""
        on = present[at]
        usual = inside[:, at].sum() / max(int(on.sum()), 1)
        absent = np.maximum((~on).sum(axis=0), 1)
        largest = float((outside[:, at].sum(axis=1) / absent).max())
        return math.sqrt(ratio(largest, float(usual)))

    return bootstrap(statistic, a.shape[1], seed)


def support_effects(v: np.ndarray, a: np.ndarray, supports: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return J(S) and A_i(S) of sampled supports.

    Args:
        v: Values of `subsets_of`, shape (supports·2^s,).
        a: Scores likewise, shape (n, supports·2^s).
        supports: Shape (supports, s).

    Returns:
        J, shape (supports,); A, shape (n, supports).
    """
    size = 1 << supports.shape[1]
    J = mobius_(np.array(v.reshape(-1, size)))[:, -1]
    A = mobius_(np.array(a.reshape(len(a), -1, size)))[:, :, -1]
    return J, A


def share_of_mass(amounts: np.ndarray, J: np.ndarray, population: int) -> Interval:
    """Return Σ|amounts| / Σ|J| over sampled supports as a ratio estimate with a 95 % interval.

    Args:
        amounts: D(S) or the leak of each, shape (m,).
        J: Their effects, shape (m,).
        population: Number of coalitions of that size: the correction for a finite population.
    """
    parts, wholes, count = np.abs(amounts), np.abs(J), len(J)
    value = ratio(float(parts.sum()), float(wholes.sum()))
    if count < 2 or not math.isfinite(value) or value == 0:
        return Interval.exactly(value)
    residuals = (parts - value * wholes) / float(wholes.mean())
    not_drawn = max(1 - count / population, 0.0)
    error = math.sqrt(not_drawn * float((residuals**2).sum()) / (count - 1) / count)
    return Interval(value, max(value - 1.96 * error, 0.0), value + 1.96 * error)

"""More players than 2^n coalitions can be asked for: low orders exactly, the rest by sampled coalitions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from taylorattr.criteria.audit.noise import Interval
from taylorattr.criteria.audit.statistics import ratio, rms
from taylorattr.maths.mobius import mobius_
from taylorattr.maths.subsets import of_size

_BOOTSTRAPS = 400


def sampled_masks(n: int, count: int, seed: int) -> np.ndarray:
    """Return coalitions whose size is uniform on 1 … n, shape (count, n), bool.

    A given coalition S of size s lies in a drawn T with probability (n+1)/(n(s+1)), against 2^{−s} for
    uniform masks.

    Args:
        n: Number of players.
        count: How many.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, n + 1, size=count)
    ranks = rng.random((count, n)).argsort(axis=1).argsort(axis=1)
    return ranks < sizes[:, None]


def inclusion_probability(n: int, s: int) -> float:
    """Return P(S ⊆ T) for |S| = s ≥ 1 and |T| uniform on 1 … n: (n+1)/(n(s+1))."""
    return (n + 1) / (n * (s + 1)) if s else 1.0


def bootstrap(statistic: Callable[[np.ndarray], float], count: int, seed: int) -> Interval:
    """Return a statistic of drawn coalitions with its 95 % interval.

    Args:
        statistic: Of positions among the drawn coalitions, shape (count,), with repetitions.
        count: How many were drawn.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    value = statistic(np.arange(count))
    draws = [statistic(rng.integers(0, count, size=count)) for _ in range(_BOOTSTRAPS)]
    low, high = np.quantile(draws, [0.025, 0.975])
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
    inside = np.where(present.T, a, 0.0) ** 2
    outside = np.where(present.T, 0.0, a) ** 2

    def statistic(at: np.ndarray) -> float:
        on = present[at]
        scale = inside[:, at].sum() / max(int(on.sum()), 1)
        absent = np.maximum((~on).sum(axis=0), 1)
        top = float((outside[:, at].sum(axis=1) / absent).max())
        return math.sqrt(ratio(top, float(scale)))

    scale = float(np.abs(a).max(initial=0.0))
    if scale == 0 or not outside.any():
        return Interval(0.0, 0.0, 0.0)
    inside, outside = inside / scale**2, outside / scale**2
    return bootstrap(statistic, a.shape[1], seed)


def sampled_supports(n: int, order: int, count: int, seed: int) -> np.ndarray:
    """Return different coalitions of one size, sorted players, shape (≤ count, order).

    Args:
        n: Number of players.
        order: Their size.
        count: How many; all, where there are not more.
        seed: Of the draws.
    """
    total = math.comb(n, order)
    rng = np.random.default_rng(seed)
    if total <= 4 * count:
        return of_size(n, order)[np.sort(rng.permutation(total)[:count])]
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        found[tuple(sorted(rng.permutation(n)[:order].tolist()))] = None
    return np.array(list(found))


def subsets_of(supports: np.ndarray, n: int) -> np.ndarray:
    """Return all T ⊆ S of each support in bitmask order of its players, shape (supports·2^s, n), bool."""
    s = supports.shape[1]
    bits = (np.arange(1 << s)[:, None] >> np.arange(s)) & 1 != 0
    rows = np.zeros((len(supports), 1 << s, n), dtype=bool)
    for k, support in enumerate(supports):
        rows[k][:, support] = bits
    return rows.reshape(-1, n)


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
    y, x, m = np.abs(amounts), np.abs(J), len(J)
    value = ratio(float(y.sum()), float(x.sum()))
    if m < 2 or not math.isfinite(value) or value == 0:
        return Interval(value, value, value)
    scale = float(x.mean())
    left = (y - value * x) / scale
    error = math.sqrt(max(1 - m / population, 0.0) * float((left**2).sum()) / (m - 1) / m)
    return Interval(value, max(value - 1.96 * error, 0.0), value + 1.96 * error)

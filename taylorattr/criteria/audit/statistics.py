"""The statistics of an audit: deficit, leak, offset in value space; coverage and orders in effect space.

All are relative to what the function and the scores themselves do over the coalitions, so none changes when
the output is scaled. With gap(T) = Σ_i [a_i(T) − a_i(∅)] − [v(T) − v(∅)] and D(S) = Σ_i A_i(S) − J(S), where
A and J are the Möbius transforms of a and v, docs/theory.md eq. (52a):

    Σ_i A_i(S) = J(S) for all S ≠ ∅  ⟺  gap(T) = 0 for all T
    A_i(S) = 0 for all S ∌ i         ⟺  a_i(T) = 0 for all T ∌ i

Complete and no leak are decided on the right-hand values, on which rounding is as small as in v and a
themselves; the transform multiplies it by up to 2^n. Coverage exists for effects only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIVE_SIGMAS = 8.0
"""σ(S) above which |J(S)| is an effect: σ is rough, and 4096 coalitions leave no room for chance."""

LIVE_SHARE = 1e-3
"""Part of max|J| above which it counts: what a small effect lacks is told by the deficit."""

COVERED_SHARE = 0.05
"""Part of |J(S)| below which nobody is given it: a method whose sums are off may still give a little by
accident."""


def rms(values: np.ndarray) -> float:
    """Return √mean(values²), 0 where there is none; no overflow or underflow at any scale."""
    top = float(np.abs(values).max(initial=0.0))
    return top * float(np.sqrt(np.mean((values / top) ** 2))) if top else 0.0


def gaps(v: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return gap(T), shape (C,); column 0 is ∅.

    Args:
        v: Shape (C,).
        a: Shape (…, n, C).
    """
    total = a.sum(axis=-2)
    return (total - total[..., :1]) - (v - v[0])


def size_of_change(v: np.ndarray) -> float:
    """Return V = rms_{T≠∅}(v(T) − v(∅))."""
    return rms(v[1:] - v[0])


def size_of_scores(a: np.ndarray, present: np.ndarray) -> float:
    """Return a₊ = rms of a_i(T) over i ∈ T."""
    return rms(a[present.T])


def deficit(v: np.ndarray, a: np.ndarray) -> float:
    """Return rms_{T≠∅} gap(T) / V."""
    return ratio(rms(gaps(v, a)[1:]), size_of_change(v))


def leaks(a: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return rms_{T∌i} a_i(T) / a₊ of every player, shape (n,)."""
    scale = size_of_scores(a, present)
    return np.array([ratio(rms(row[~present[:, i]]), scale) for i, row in enumerate(a)])


def offset(a: np.ndarray, present: np.ndarray) -> float:
    """Return rms_i a_i(∅) / a₊, over every ∅ of the table: scores of an input that equals its baseline."""
    return ratio(rms(a.T[~present.any(axis=1)]), size_of_scores(a, present))


def ratio(part: float, whole: float) -> float:
    """Return part / whole; 0 where both vanish, ∞ where only the whole does."""
    if whole == 0:
        return 0.0 if part == 0 else float("inf")
    return part / whole


@dataclass
class Coverage:
    """Which effects nobody is given.

    Attributes:
        share: Σ|J| over the uncovered live coalitions / Σ|J| over all S ≠ ∅.
        live: Number of live coalitions.
        uncovered: Their positions, largest |J| first.
    """

    share: float
    live: int
    uncovered: np.ndarray


def coverage(J: np.ndarray, A: np.ndarray, sigma: np.ndarray) -> Coverage:
    """Find the live coalitions of which nobody gets a twentieth.

    S is live where |J(S)| > 8σ(S) and > 10⁻³ max|J|; it is uncovered where Σ_i|A_i(S)| + 4σ(S) < 0.05 |J(S)|.

    Args:
        J: Effects, shape (C,), ∅ first.
        A: Measured allocation, shape (n, C).
        sigma: Noise of J and A, shape (C,).

    Returns:
        The share, the count and the coalitions.
    """
    size = np.abs(J)
    size[0] = 0.0
    live = (size > LIVE_SIGMAS * sigma) & (size > LIVE_SHARE * size.max())
    missed = live & (np.abs(A).sum(axis=0) + 4 * sigma < COVERED_SHARE * size)
    columns = np.flatnonzero(missed)
    columns = columns[np.argsort(-size[columns], kind="stable")]
    return Coverage(ratio(float(size[missed].sum()), float(size.sum())), int(live.sum()), columns)


@dataclass
class ByOrder:
    """Per order k = 1 … K, each of shape (K,).

    Attributes:
        mass: m_k = Σ_{|S|=k}|J(S)|.
        deficit: Σ|D(S)| / m_k.
        leak: Σ_{i∉S}|A_i(S)| / m_k.
        slope: λ_k = ⟨Σ_iA_i, J⟩_k / ⟨J, J⟩_k: how often an effect of order k is counted.
    """

    mass: np.ndarray
    deficit: np.ndarray
    leak: np.ndarray
    slope: np.ndarray


def by_order(J: np.ndarray, A: np.ndarray, present: np.ndarray) -> ByOrder:
    """Return the statistics of each order.

    Args:
        J: Shape (C,).
        A: Shape (n, C).
        present: Shape (C, n), bool.

    Returns:
        Orders 1 to the largest in the table; ∞ or NaN where an order has no mass.
    """
    sizes = present.sum(axis=1)
    total = A.sum(axis=0)
    off = np.where(present.T, 0.0, np.abs(A)).sum(axis=0)
    rows = []
    for k in range(1, int(sizes.max()) + 1):
        here = sizes == k
        j, t = J[here], total[here]
        mass, top = float(np.abs(j).sum()), float(np.abs(j).max())
        # divided by the largest first: squares of outputs of size 1e-200 would be 0
        slope = float((t / top) @ (j / top) / ((j / top) @ (j / top))) if top else float("nan")
        rows.append(
            (mass, ratio(float(np.abs(t - j).sum()), mass), ratio(float(off[here].sum()), mass), slope)
        )
    return ByOrder(*np.array(rows, dtype=np.float64).reshape(-1, 4).T)


def worst(amounts: np.ndarray, count: int) -> np.ndarray:
    """Return the positions of the largest amounts other than 0, ∅ left out, largest first."""
    size = np.abs(amounts)
    size[0] = 0.0
    top = np.argsort(-size, kind="stable")[:count]
    return top[size[top] > 0]


def gap_by_order(a: np.ndarray, J: np.ndarray, A: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return what the plain gap at x is made of: −Σ_i a_i(∅), then −Σ_{|S|=k} D(S), shape (K+1,).

    Args:
        a: Scores, shape (n, C), ∅ first.
        J: Effects, shape (C,).
        A: Measured allocation, shape (n, C).
        sizes: |S|, shape (C,).
    """
    D = A.sum(axis=0) - J
    orders = range(1, int(sizes.max()) + 1)
    return np.array([-float(a[:, 0].sum()), *(-float(D[sizes == k].sum()) for k in orders)])

"""Statistics of an audit against sums written out over subsets."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from taylorattr.criteria.audit.coalitions import full_masks, limited_masks
from taylorattr.criteria.audit.score_tables import effects
from taylorattr.criteria.audit.statistics import (
    by_order,
    coverage,
    deficit,
    gap_by_order,
    gaps,
    leaks,
    offset,
    ratio,
    rms,
    worst,
)

N = 3


def subsets(S):
    return itertools.chain.from_iterable(itertools.combinations(S, k) for k in range(len(S) + 1))


def tables(seed=0):
    """Integer tables v, a over all T of three players, as dictionaries and as arrays in bitmask order."""
    rng = np.random.default_rng(seed)
    every = [tuple(np.flatnonzero(row).tolist()) for row in full_masks(N)]
    v = {T: int(rng.integers(-9, 10)) for T in every}
    a = {(i, T): int(rng.integers(-9, 10)) for i in range(N) for T in every}
    return (
        every,
        v,
        a,
        np.array([v[T] for T in every], float),
        np.array([[a[i, T] for T in every] for i in range(N)], float),
    )


def mobius(table, S):
    return sum((-1) ** (len(S) - len(T)) * table(T) for T in subsets(S))


def test_full_masks_are_in_bitmask_order():
    assert [int((row * [1, 2, 4]).sum()) for row in full_masks(N)] == list(range(8))


def test_limited_masks_are_by_size_then_lexicographic():
    expected = [T for k in range(3) for T in itertools.combinations(range(4), k)]
    assert [tuple(np.flatnonzero(row)) for row in limited_masks(4, 2)] == expected


def test_gaps_are_the_zeta_transform_of_the_deficits():
    every, v, a, V, A = tables()
    D = {S: sum(mobius(lambda T, i=i: a[i, T], S) for i in range(N)) - mobius(v.get, S) for S in every}
    for c, T in enumerate(every):
        assert gaps(V, A)[c] == sum(D[S] for S in subsets(T) if S)


def test_deficit_and_leak_are_ratios_of_root_mean_squares():
    every, v, a, V, A = tables(1)
    squares = [Fraction(int(g)) ** 2 for g in gaps(V, A)[1:]]
    moves = [Fraction(v[T] - v[()]) ** 2 for T in every[1:]]
    # rounding of one square root and one quotient
    assert deficit(V, A) == pytest.approx(float(sum(squares) / sum(moves)) ** 0.5, rel=1e-14)
    inside = [Fraction(a[i, T]) ** 2 for i in range(N) for T in every if i in T]
    scale = float(sum(inside) / len(inside)) ** 0.5
    for i in range(N):
        outside = [Fraction(a[i, T]) ** 2 for T in every if i not in T]
        expected = float(sum(outside) / len(outside)) ** 0.5 / scale
        assert leaks(A, full_masks(N))[i] == pytest.approx(expected, rel=1e-14)
    at_b = float(sum(Fraction(a[i, ()]) ** 2 for i in range(N)) / N) ** 0.5 / scale
    assert offset(A, full_masks(N)) == pytest.approx(at_b, rel=1e-14)


@pytest.mark.parametrize("order", [None, 2])
def test_orders_against_sums_over_coalitions(order):
    every, v, a, V, A = tables(2)
    present = full_masks(N) if order is None else limited_masks(N, order)
    chosen = [tuple(np.flatnonzero(row).tolist()) for row in present]
    place = [every.index(T) for T in chosen]
    J, given = effects(V[place], N, order), effects(A[:, place], N, order)
    found = by_order(J, given, present)
    for k in range(1, (order or N) + 1):
        of_size = [S for S in chosen if len(S) == k]
        j = np.array([mobius(v.get, S) for S in of_size], float)
        w = np.array([[mobius(lambda T, i=i: a[i, T], S) for S in of_size] for i in range(N)], float)
        off = sum(abs(w[i, c]) for c, S in enumerate(of_size) for i in range(N) if i not in S)
        assert found.mass[k - 1] == np.abs(j).sum()
        assert found.deficit[k - 1] == pytest.approx(np.abs(w.sum(0) - j).sum() / np.abs(j).sum())
        assert found.leak[k - 1] == pytest.approx(off / np.abs(j).sum())
        assert found.slope[k - 1] == pytest.approx(w.sum(0) @ j / (j @ j))


def test_gap_at_x_is_the_sum_over_orders():
    *_, V, A = tables(3)
    present = full_masks(N)
    parts = gap_by_order(A, effects(V, N, None), effects(A, N, None), present.sum(1))
    assert parts.sum() == V[-1] - V[0] - A[:, -1].sum()


def test_coverage_names_live_effects_that_nobody_gets():
    J = np.array([5.0, 1.0, -0.5, 1e-5])
    A = np.array([[0.0, 0.04, 0.0, 0.0], [0.0, 0.0, 0.1, 0.0]])
    found = coverage(J, A, np.zeros(4))
    assert found.uncovered.tolist() == [1] and found.live == 2  # the last is too small to be live
    assert found.share == pytest.approx(1 / 1.50001)
    assert coverage(J, A, np.full(4, 0.2)).live == 0  # all below eight sigmas
    assert len(coverage(J, A * 2, np.zeros(4)).uncovered) == 0  # 8 % is given


def test_worst_leaves_the_empty_coalition_and_zeros_out():
    assert worst(np.array([9.0, 0.0, -3.0, 2.0]), 5).tolist() == [2, 3]


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_statistics_do_not_change_with_the_scale(scale):
    *_, V, A = tables(4)
    assert deficit(V * scale, A * scale) == pytest.approx(deficit(V, A), rel=1e-12)
    assert leaks(A * scale, full_masks(N)) == pytest.approx(leaks(A, full_masks(N)), rel=1e-12)


def test_ratio_and_rms_of_nothing():
    assert ratio(0.0, 0.0) == 0 and ratio(1.0, 0.0) == float("inf") and rms(np.array([])) == 0

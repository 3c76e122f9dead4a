import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given

from taylorattr.maths.semivalues import shapley_values
from taylorattr.maths.shapley_kernel import kernel_coalitions, kernel_estimate
from tests.strategies import games


def table_halves(v, coalitions):
    places = coalitions @ (1 << np.arange(coalitions.shape[1]))
    return (v[..., places] - v[..., (1 << coalitions.shape[1]) - 1 - places]) / 2


def by_definition(v, coalitions, delta):
    """Constrained least squares on coalitions and complements by its normal equations with a multiplier."""
    n = coalitions.shape[1]
    rows = np.concatenate([coalitions, ~coalitions]).astype(float)
    y = v[(rows @ (1 << np.arange(n))).astype(int)] - v[0]
    system = np.block([[2 * rows.T @ rows, np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    return np.linalg.solve(system, np.concatenate([2 * rows.T @ y, [delta]]))[:n]


@given(games(min_players=2, max_players=5))
def test_every_coalition_with_its_weight_gives_the_shapley_values(v):
    n = len(v).bit_length() - 1
    chosen = []
    for members in itertools.product((False, True), repeat=n):
        size = sum(members)
        if 0 < size < n:
            # in proportion to the kernel, 1/(C(n,s) s (n−s)); 120 makes the numbers whole for n ≤ 5
            chosen += [members] * (120 // (comb(n, size) * size * (n - size)))
    coalitions = np.array(chosen)
    values, _ = kernel_estimate(coalitions, table_halves(v, coalitions)[None], np.array([v[-1] - v[0]]))
    exact = shapley_values(v.astype(float))
    assert np.abs(values[0] - exact).max() < 1e-10  # a well-conditioned system with values up to 100


def test_pairs_are_the_constrained_fit_of_both_members():
    rng = np.random.default_rng(3)
    v = rng.normal(size=32)
    coalitions = kernel_coalitions(rng, 5, 40)
    values, _ = kernel_estimate(coalitions, table_halves(v, coalitions)[None], np.array([v[-1] - v[0]]))
    expected = by_definition(v, coalitions, v[-1] - v[0])
    assert np.abs(values[0] - expected).max() < 1e-12  # two solutions of one 5 × 5 system
    assert abs(values.sum() - (v[-1] - v[0])) < 1e-13


def test_additive_games_are_fitted_without_error():
    weights = np.array([1.0, -2, 0.5, 3])
    coalitions = kernel_coalitions(np.random.default_rng(0), 4, 30)
    halves = ((coalitions - 0.5) @ weights)[None]
    values, errors = kernel_estimate(coalitions, halves, np.array([weights.sum()]))
    assert np.abs(values[0] - weights).max() < 1e-13 and errors.max() < 1e-13


def test_coalitions_are_drawn_with_the_kernels_weights():
    n, count = 6, 40_000
    coalitions = kernel_coalitions(np.random.default_rng(0), n, count)
    found = np.bincount(coalitions.sum(1), minlength=n + 1)[1:n] / count
    sizes = np.arange(1, n)
    expected = 1 / (sizes * (n - sizes))
    expected /= expected.sum()
    assert np.abs(found - expected).max() < 5 * 0.5 / np.sqrt(count)  # five standard deviations
    assert np.abs(coalitions.mean(0) - 0.5).max() < 5 * 0.5 / np.sqrt(count)


def test_too_few_pairs_say_nothing_about_the_error():
    coalitions = kernel_coalitions(np.random.default_rng(0), 6, 4)
    values, errors = kernel_estimate(coalitions, np.ones((1, 4)), np.array([2.0]))
    assert np.isinf(errors).all() and values.sum() == pytest.approx(2.0)

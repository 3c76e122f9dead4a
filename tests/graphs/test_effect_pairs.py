"""Sums over the coalitions of a pair equal those taken one coalition at a time."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.graphs.effect_pairs import pair_sums
from taylorattr.maths.subsets import Coalitions


@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 1000))
def test_every_entry_is_the_sum_over_its_supersets(n, k, seed):
    coalitions = Coalitions(n, None if k == 6 else k)
    generator = np.random.default_rng(seed)
    values = generator.integers(-9, 9, size=(2, len(coalitions))).astype(float)
    weights = generator.integers(-3, 3, size=n + 1).astype(float)
    sums = pair_sums(values, coalitions, weights)
    assert sums.shape == (2, n, n)
    for b, i, j in itertools.product(range(2), range(n), range(n)):
        slow = sum(
            weights[len(s)] * v for s, v in zip(coalitions, values[b], strict=True) if {i, j} <= set(s)
        )
        assert sums[b, i, j] == slow


def test_no_examples():
    assert pair_sums(np.empty((0, 8)), Coalitions(3), np.ones(4)).shape == (0, 3, 3)


@pytest.mark.parametrize("n", [60])
def test_many_players_of_low_order(n):
    coalitions = Coalitions(n, 2)
    values = np.ones((1, len(coalitions)))
    sums = pair_sums(values, coalitions, np.array([0, 0, 1.0, *[0] * (n - 2)]))
    assert (sums[0] == np.where(np.eye(n, dtype=bool), n - 1, 1)).all()

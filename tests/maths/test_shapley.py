import itertools
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from hypothesis import given

from taylorattr.errors import ShapeError
from taylorattr.maths.interaction_indices import interaction_index
from taylorattr.maths.mobius import mobius
from taylorattr.maths.shapley import shapley_values, shapley_weights
from tests.strategies import games


def by_orders(table):
    """The definition: marginal contributions averaged over all n! orders, in rationals."""
    n = len(table).bit_length() - 1
    total = [Fraction(0)] * n
    for order in itertools.permutations(range(n)):
        mask = 0
        for player in order:
            total[player] += int(table[mask | 1 << player]) - int(table[mask])
            mask |= 1 << player
    return [value / factorial(n) for value in total]


@given(games(min_players=1))
def test_values_are_means_over_all_orders(v):
    assert shapley_values(v).tolist() == by_orders(v)


@given(games(min_players=1))
def test_values_are_shared_effects(v):
    assert shapley_values(v).tolist() == interaction_index(mobius(v), "SV")[1:].tolist()


@given(games(min_players=1, batch=3))
def test_floats_agree_with_rationals_and_batches_with_single_games(v):
    exact = np.array([[float(x) for x in by_orders(row)] for row in v])
    # weights and values of at most 100 in size: a few hundred roundings of 1e-16
    assert np.abs(shapley_values(v.astype(float)) - exact).max() < 1e-12


def test_float32_tables_are_summed_in_float64():
    v = np.full(2**10, 1e6, dtype=np.float32)
    v[-1] += 1
    values = shapley_values(v)
    assert values.dtype == np.float64
    assert np.abs(values - 0.1).max() < 1e-12  # the one that counts is an integer: exact in float32


def test_a_million_outputs_lose_no_digits():
    n = 18
    weights = np.linspace(-1, 1, n)
    v = np.zeros(1)
    for w in weights:  # additive game: φ_i = w_i
        v = np.concatenate([v, v + w])
    assert np.abs(shapley_values(v) - weights).max() < 1e-14  # a mean: no larger than single roundings


def test_weights_of_one_player_add_up_to_one():
    for n in range(1, 8):
        weights = shapley_weights(n)
        orders = sum(
            w * Fraction(factorial(n - 1), factorial(s) * factorial(n - 1 - s)) for s, w in enumerate(weights)
        )
        assert orders == 1


def test_a_table_of_another_size_is_refused():
    with pytest.raises(ShapeError, match=r"2\*\*n"):
        shapley_values(np.zeros(6))

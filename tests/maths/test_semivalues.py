import itertools
from fractions import Fraction
from math import comb, factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import ShapeError
from taylorattr.maths.interaction_indices import interaction_index
from taylorattr.maths.mobius import mobius
from taylorattr.maths.semivalues import (
    amplification,
    semivalue_scores,
    shapley_values,
    shapley_weights,
    shares_of,
    size_weights,
    weights_of,
)
from tests.strategies import games

F = Fraction
WEIGHTS = st.lists(st.fractions(-3, 3, max_denominator=8), min_size=1, max_size=6)


def by_definition(v, p):
    """Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)) by masks."""
    n = (len(v) - 1).bit_length()
    without = [[mask for mask in range(1 << n) if not mask >> i & 1] for i in range(n)]
    gains = [[(mask, int(v[mask | 1 << i]) - int(v[mask])) for mask in without[i]] for i in range(n)]
    return [sum((p[mask.bit_count()] * gain for mask, gain in each), F(0)) for each in gains]


@given(WEIGHTS)
def test_shares_and_weights_are_inverse(p):
    assert weights_of(shares_of(p)) == p
    assert shares_of(weights_of(p)) == p


@given(games(min_players=1, max_players=5), st.data())
def test_scores_are_the_definition_and_shares_of_effects(v, data):
    n = (len(v) - 1).bit_length()
    p = data.draw(st.lists(st.fractions(-3, 3, max_denominator=8), min_size=n, max_size=n))
    found = semivalue_scores(v, p)
    assert list(found) == by_definition(v, p)
    effects, shares = mobius(v), shares_of(p)
    for i in range(n):
        assert found[i] == sum(
            shares[mask.bit_count() - 1] * int(effects[mask]) for mask in range(1, 1 << n) if mask >> i & 1
        )
    np.testing.assert_allclose(semivalue_scores(v.astype(float), p), [float(x) for x in found], atol=1e-9)


def test_several_games_at_once():
    tables = np.arange(24).reshape(3, 8) ** 2
    p = [F(1, 3), F(1, 6), F(1, 3)]
    assert semivalue_scores(tables, p).tolist() == [list(semivalue_scores(row, p)) for row in tables]


def test_a_table_of_another_size():
    with pytest.raises(ShapeError):
        semivalue_scores(np.zeros(6), [F(1)])


def test_shapley_and_banzhaf_are_not_amplified():
    for n in range(1, 8):
        shapley = [F(1, n * comb(n - 1, t)) for t in range(n)]
        assert shares_of(shapley) == [F(1, s) for s in range(1, n + 1)]
        assert size_weights(shapley) == [1] * n
        assert amplification(shapley) == amplification([F(1, 2 ** (n - 1))] * n) == 1
        assert shares_of([F(1, 2 ** (n - 1))] * n) == [F(1, 2 ** (s - 1)) for s in range(1, n + 1)]


def test_alternating_weights_are_amplified():
    pairs_only = weights_of([F(0), F(1), F(0), F(0)])  # what a player has with one other
    assert pairs_only == [-3, 1, 0, 0]  # with one other gained, what is gained alone taken off for each of 3
    assert amplification(pairs_only) == 3 + 3


def test_large_offsets_do_not_cost_digits():
    v = np.array([0.0, 1, 2, 4, 3, 5, 7, 8]) + 1e9
    assert semivalue_scores(v, [F(1, 3), F(1, 6), F(1, 3)]) == pytest.approx(
        semivalue_scores(v - 1e9, [F(1, 3), F(1, 6), F(1, 3)]), abs=1e-6
    )


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

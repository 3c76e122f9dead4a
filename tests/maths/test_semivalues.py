from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import ShapeError
from taylorattr.maths.mobius import mobius
from taylorattr.maths.semivalues import amplification, semivalue_scores, shares_of, size_weights, weights_of
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

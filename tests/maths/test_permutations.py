import itertools

import numpy as np
from hypothesis import given

from taylorattr.maths.permutations import chain_members, contributions, paired_ranks
from taylorattr.maths.semivalues import shapley_values
from tests.strategies import games


def masks(members):
    return members @ (1 << np.arange(members.shape[1]))


@given(games(min_players=1, max_players=4))
def test_all_orders_give_the_shapley_values(v):
    n = len(v).bit_length() - 1
    ranks = np.array(list(itertools.permutations(range(n))))
    chain = v[masks(chain_members(ranks, 0, len(ranks) * (n - 1)))]
    found = contributions(chain, ranks, v[0], v[-1])
    assert found.shape == (len(ranks), n) and (found.sum(1) == v[-1] - v[0]).all()
    exact = shapley_values(v) * len(ranks)  # integers: no rounding
    assert found.sum(0).tolist() == exact.tolist()


def test_orders_come_with_their_reverses_and_from_the_seed():
    ranks = paired_ranks(np.random.default_rng(5), 7, 4)
    assert (ranks[0::2] + ranks[1::2] == 6).all()
    assert (np.sort(ranks, axis=1) == np.arange(7)).all()
    assert (ranks == paired_ranks(np.random.default_rng(5), 7, 4)).all()
    assert (ranks != paired_ranks(np.random.default_rng(6), 7, 4)).any()


def test_chains_grow_one_player_at_a_time_in_any_blocks():
    ranks = paired_ranks(np.random.default_rng(0), 5, 2)
    whole = chain_members(ranks, 0, 16)
    assert whole.sum(1).tolist() == [1, 2, 3, 4] * 4
    assert (np.concatenate([chain_members(ranks, 0, 7), chain_members(ranks, 7, 16)]) == whole).all()
    for order in range(4):
        assert (whole[4 * order : 4 * order + 3] <= whole[4 * order + 1 : 4 * order + 4]).all()


def test_games_of_several_examples_share_the_orders():
    rng = np.random.default_rng(1)
    ranks, v = paired_ranks(rng, 3, 3), rng.integers(-9, 9, size=(2, 8))
    chain = masks(chain_members(ranks, 0, 12))
    both = contributions(v[:, chain], ranks, v[:, 0], v[:, -1])
    for e in range(2):
        assert (both[e] == contributions(v[e, chain], ranks, v[e, 0], v[e, -1])).all()

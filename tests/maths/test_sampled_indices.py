"""Sampled indices are unbiased, their errors are errors, and all values together give the index itself."""

import numpy as np
import pytest

from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY, interaction_index
from taylorattr.maths.mobius import mobius
from taylorattr.maths.sampled_indices import fewest_values, sample_index, value_weights

N = 9
BITS = (np.arange(1 << N)[:, None] >> np.arange(N) & 1).astype(bool)


def game(seed=0):
    generator = np.random.default_rng(seed)
    return np.tanh(BITS @ generator.normal(size=(N, 5))) @ generator.normal(size=5) + 3


TABLE = game()
CASES = [(name, order) for name in INDICES for order in ((1,) if name in VALUES_ONLY else (1, 2, 3))]


def v(rows):
    return TABLE[rows @ (1 << np.arange(N))]


def exact(name, order):
    return interaction_index(mobius(TABLE), name, order)[1:]


def estimate(name, order, values, seed):
    found = sample_index(v, N, name, order, values, np.random.default_rng(seed))
    return np.concatenate(found.values), np.concatenate(found.errors)


@pytest.mark.parametrize(("name", "order"), CASES)
def test_all_values_give_the_index(name, order):
    values, errors = estimate(name, order, 1 << N, 0)
    np.testing.assert_allclose(values, exact(name, order), atol=1e-11)
    assert not errors.any()


@pytest.mark.parametrize("name", ["SV", "k-SII", "STII", "FSII", "BII"])
def test_estimates_are_unbiased_and_errors_are_errors(name):
    """60 estimates: their mean misses by what their own spread allows, and each by what it says."""
    order = 1 if name in VALUES_ONLY else 2
    pairs = [estimate(name, order, 160, seed) for seed in range(60)]
    values, errors = (np.array(part) for part in zip(*pairs, strict=True))
    sampled = errors.mean(0) > 1e-12  # STII of single players is read off, not sampled
    missed = values[:, sampled] - exact(name, order)[sampled]
    bias = missed.mean(0) / (values[:, sampled].std(0, ddof=1) / 60**0.5)
    # root mean squares of standard normal numbers: 1, correlated and few, hence wide bounds
    assert (bias**2).mean() ** 0.5 < 1.6
    assert 0.85 < ((missed / errors[:, sampled]) ** 2).mean() ** 0.5 < 1.2


def test_a_game_of_pairs_is_estimated_without_error():
    """With draws enough the correction is the game itself, and nothing is left to sample."""
    pairs = BITS[:, :-1] & BITS[:, 1:]
    table = BITS @ np.arange(N) + pairs @ np.arange(1, N)
    found = sample_index(
        lambda r: table[r @ (1 << np.arange(N))], N, "k-SII", 2, 400, np.random.default_rng(0)
    )
    np.testing.assert_allclose(
        np.concatenate(found.values), interaction_index(mobius(table * 1.0), "k-SII", 2)[1:], atol=1e-9
    )
    assert np.concatenate(found.errors).max() < 1e-9


def test_weights_are_exact_and_large_games_do_not_overflow():
    assert [str(w) for w in value_weights("SV", 3, 1, 1)] == ["0", "-1/3", "1/6", "-1/3"]
    n = 300
    found = sample_index(lambda r: r @ np.arange(n) * 1.0, n, "SV", 1, 900, np.random.default_rng(0))
    np.testing.assert_allclose(found.values[0], np.arange(n), atol=1e-8)
    assert fewest_values(n) < 900

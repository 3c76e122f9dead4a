"""Low orders exactly, the rest by drawn coalitions."""

import math

import numpy as np
import pytest

from taylorattr.criteria.audit.coalitions import (
    inclusion_probability,
    limited_masks,
    sampled_masks,
    sampled_supports,
)
from taylorattr.criteria.audit.score_tables import effects


def test_low_orders_need_low_coalitions_only():
    rng = np.random.default_rng(0)
    v = rng.integers(-9, 9, size=64).astype(float)
    full = effects(v, 6, None)
    chosen = limited_masks(6, 3)
    place = (chosen * 2 ** np.arange(6)).sum(1)
    assert (effects(v[place], 6, 3) == full[place]).all()


def test_sizes_are_uniform_and_players_alike():
    masks = sampled_masks(10, 20_000, 0)
    sizes = np.bincount(masks.sum(1), minlength=11)
    assert sizes[0] == 0
    # 2000 expected of each size, standard deviation 42; five of them
    assert np.abs(sizes[1:] - 2000).max() < 5 * 42.5
    assert np.abs(masks.mean(0) - 0.55).max() < 0.02


@pytest.mark.parametrize("s", [1, 2, 3, 4])
def test_chance_that_a_draw_contains_given_players(s):
    n = 9
    exact = np.mean([math.comb(n - s, t - s) / math.comb(n, t) if t >= s else 0.0 for t in range(1, n + 1)])
    assert inclusion_probability(n, s) == pytest.approx(exact)
    seen = sampled_masks(n, 40_000, 1)[:, :s].all(1).mean()
    assert seen == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 40_000))


@pytest.mark.parametrize(("n", "order", "count"), [(6, 3, 12), (40, 3, 30)])
def test_supports_are_different_coalitions_of_one_size(n, order, count):
    found = [tuple(row) for row in sampled_supports(n, order, count, 0).tolist()]
    assert len(set(found)) == count and all(len(set(S)) == order and S == tuple(sorted(S)) for S in found)

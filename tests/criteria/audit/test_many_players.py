"""Low orders exactly, the rest by drawn coalitions."""

import itertools
import math

import numpy as np
import pytest

from taylorattr.criteria.audit.coalitions import (
    full_masks,
    inclusion_probability,
    limited_masks,
    sampled_masks,
    sampled_supports,
    subsets_of,
)
from taylorattr.criteria.audit.noise import (
    bootstrap,
    sampled_deficit,
    sampled_leak,
    share_of_mass,
    support_effects,
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


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(2)
    truth = np.sqrt(1 / 3)
    hits = 0
    for draw in range(60):
        found = sampled_deficit(rng.uniform(-1, 1, size=200), np.ones(200), draw)
        hits += found.low <= truth <= found.high
    assert hits >= 50  # 57 expected of 60 at 95 %; 50 is three standard deviations of a 93 % interval below


def test_a_single_lost_pair_is_seen_among_drawn_coalitions():
    masks = sampled_masks(20, 512, 3)
    lost = masks[:, 3] & masks[:, 7]
    gap = np.where(lost, 1.0, 0.0)
    found = sampled_deficit(gap, masks.sum(1) / 5, 0)
    assert found.low > 1e-2
    assert sampled_deficit(np.zeros(512), masks.sum(1) / 5, 0).high == 0


def test_leak_over_drawn_coalitions():
    masks = sampled_masks(6, 256, 4)
    a = masks.T.astype(float)
    assert sampled_leak(a, masks, 0).high == 0
    a[2] += 0.1
    found = sampled_leak(a, masks, 0)
    assert found.low <= 0.1 / np.sqrt((a[masks.T] ** 2).mean()) <= found.high


def test_bootstrap_of_a_constant_has_no_width():
    found = bootstrap(lambda at: 2.0, 10, 0)
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(("n", "order", "count"), [(6, 3, 12), (40, 3, 30)])
def test_supports_are_different_coalitions_of_one_size(n, order, count):
    found = [tuple(row) for row in sampled_supports(n, order, count, 0).tolist()]
    assert len(set(found)) == count and all(len(set(S)) == order and S == tuple(sorted(S)) for S in found)


def test_effects_of_supports_are_those_of_the_full_table():
    rng = np.random.default_rng(5)
    n = 5
    v, a = rng.normal(size=32), rng.normal(size=(n, 32))
    supports = np.array(list(itertools.combinations(range(n), 3)))
    rows = (subsets_of(supports, n) * 2 ** np.arange(n)).sum(1)
    J, A = support_effects(v[rows], a[:, rows], supports)
    place = (2**supports).sum(1)
    assert pytest.approx(effects(v, n, None)[place]) == J
    assert pytest.approx(effects(a, n, None)[:, place]) == A
    assert (full_masks(n)[place].sum(1) == 3).all()


def test_share_of_mass_is_certain_when_all_supports_were_drawn():
    amounts, J = np.array([1.0, -2.0, 0.0]), np.array([2.0, 2.0, -4.0])
    found = share_of_mass(amounts, J, 3)
    assert (found.value, found.low, found.high) == (3 / 8, 3 / 8, 3 / 8)
    assert share_of_mass(amounts, J, 1000).high > 3 / 8

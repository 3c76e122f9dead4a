"""Noise: unbiased squares of a noisy mean, noise of the transform, floors."""

import itertools

import numpy as np
import pytest

from taylorattr.criteria.audit.coalitions import full_masks, limited_masks, sampled_masks, subsets_of
from taylorattr.criteria.audit.noise import (
    bootstrap,
    effect_noise,
    floor_of,
    noise_floor,
    sampled_deficit,
    sampled_effect_noise,
    sampled_leak,
    share_of_mass,
    support_effects,
    unbiased_rms,
)
from taylorattr.criteria.audit.score_tables import effects


def test_cross_product_is_unbiased_where_the_plain_mean_square_is_not():
    rng = np.random.default_rng(0)
    truth = np.zeros(64)
    plain, unbiased = [], []
    for _ in range(400):
        draws = truth + rng.normal(size=(8, 1)) * 0.5 + rng.normal(size=(8, 64)) * 0.1
        plain.append((draws.mean(0) ** 2).mean())
        unbiased.append(cross_product(draws))
    error = np.std(unbiased) / np.sqrt(400)
    assert abs(np.mean(unbiased)) < 4 * error  # four standard errors of the mean over 400 draws
    assert np.mean(plain) > 10 * error


def cross_product(g):
    R = len(g)
    return sum((g[r] * g[s]).mean() for r in range(R) for s in range(R) if r != s) / (R * (R - 1))


def test_interval_is_the_cross_product_with_a_jackknife():
    g = np.random.default_rng(1).normal(size=(6, 10)) + 3
    found = unbiased_rms(g)
    assert found.value == pytest.approx(cross_product(g) ** 0.5)
    without = np.array([cross_product(np.delete(g, r, axis=0)) for r in range(6)])
    se = np.sqrt(5 / 6 * ((without - without.mean()) ** 2).sum())
    assert found.high == pytest.approx((cross_product(g) + 4 * se) ** 0.5)
    assert found.low == pytest.approx(max(cross_product(g) - 4 * se, 0) ** 0.5)


def test_a_real_defect_stands_out_of_the_noise():
    rng = np.random.default_rng(2)
    found = unbiased_rms(1.0 + rng.normal(size=(32, 20)))
    assert 0 < found.low < 1 < found.high


def test_equal_draws_leave_no_doubt():
    found = unbiased_rms(np.ones((8, 5)) * 2)
    assert found.low == pytest.approx(2) and found.high == pytest.approx(2)


@pytest.mark.parametrize(("n", "order"), [(4, None), (5, 2)])
def test_noise_of_an_effect_is_the_noise_of_its_subsets_added_up(n, order):
    present = full_masks(n) if order is None else limited_masks(n, order)
    rng = np.random.default_rng(3)
    v, a = rng.normal(size=len(present)), rng.normal(size=(n, len(present)))
    sigma = effect_noise(v, a, present, 1e-16, 0.0, order)
    each = (4e-16 * np.abs(v)) ** 2 + (8e-16 * (np.abs(a).sum(0) + np.abs(v))) ** 2
    for c, S in enumerate(present):
        inside = (present <= S).all(axis=1)
        assert sigma[c] == pytest.approx(np.sqrt(each[inside].sum()))


def test_rounding_of_float32_stays_below_the_noise_of_effects():
    n = 8
    rng = np.random.default_rng(4)
    v = rng.normal(size=1 << n) + 100
    a = rng.normal(size=(n, 1 << n))
    seen = effects(v.astype(np.float32).astype(float), n, None) - effects(v, n, None)
    sigma = effect_noise(v, a, full_masks(n), 6e-8, 0.0, None)
    assert (np.abs(seen) < 8 * sigma).all() and np.abs(seen).max() > 0


def test_pooled_noise_of_repeats_is_the_standard_error():
    rng = np.random.default_rng(5)
    draws = rng.normal(size=(400, 2, 4))
    pooled = sampled_effect_noise(draws, full_masks(2))
    assert pooled == pytest.approx(np.sqrt(2 / 400), rel=0.1)  # two players of variance 1, 400 repeats


def test_the_floor_grows_with_an_output_constant_and_other_batches():
    present, rng = full_masks(3), np.random.default_rng(6)
    v, a = rng.normal(size=8), rng.normal(size=(3, 8))
    plain = noise_floor(v, a, present, 1.0, 6e-8, 0.0)
    assert noise_floor(v + 1e4, a, present, 1.0, 6e-8, 0.0).deficit > 1e3 * plain.deficit
    assert noise_floor(v, a, present, 1.0, 6e-8, 1e-3).leak > 1e2 * plain.leak


def test_floors_by_precision():
    assert floor_of(1.1e-16) == 1e-6 and floor_of(6e-8) == 1e-5


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


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_leak_over_drawn_coalitions_does_not_change_with_the_scale(scale):
    masks = sampled_masks(6, 256, 4)
    a = masks.T + 0.1 * np.random.default_rng(6).normal(size=(6, 256))
    one, two = sampled_leak(a, masks, 0), sampled_leak(a * scale, masks, 0)
    assert [two.low, two.value, two.high] == pytest.approx([one.low, one.value, one.high], rel=1e-12)

"""Sums and products of an attribution against closed forms."""

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import DtypeError, OptionError, ShapeError
from taylorattr.evaluation import CompletenessGap, Infidelity, completeness_gap, difference, infidelity


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


WEIGHT = numbers(6, seed=9)
X, B = numbers(40, 6), numbers(1, 6, seed=3)


def linear(x):
    return x.flatten(1) @ WEIGHT


def test_gaps_are_their_definition_with_median_and_percentile(tmp_path):
    own = (X - B) * WEIGHT
    assert (completeness_gap(linear, X, own, B).measure("gap") < 1e-12).all()
    found = completeness_gap(linear, X, own * 1.5, B)
    assert torch.allclose(found.measure("gap"), torch.full((40,), 0.5, dtype=torch.float64))
    noisy = completeness_gap(linear, X, own + 0.1, B)
    expected = (0.6 / (linear(X) - linear(B)).abs()).numpy()
    assert np.allclose(noisy.measure("gap").numpy(), expected)
    assert noisy.median == pytest.approx(np.median(expected))
    assert noisy.percentile_95 == pytest.approx(np.quantile(expected, 0.95))
    assert noisy.quantile("random", 0.5) > 10 * noisy.median or noisy.quantile("random", 0.5) > 0.3
    assert repr(CompletenessGap.load(noisy.save(tmp_path / "gap.json"))) == repr(noisy)
    assert difference(noisy, found, "gap").values.shape == (40,)


def test_methods_that_are_complete_have_no_gap_and_others_one():
    net = nn.Sequential(nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 3)).double().eval()
    ig = completeness_gap(net, X, lambda x, c: ta.attribute("integrated_gradients", net, x, target=c))
    gxi = completeness_gap(net, X, lambda x, c: ta.attribute("gradient_x_input", net, x, target=c))
    assert ig.method == "integrated_gradients" and ig.percentile_95 < 1e-5 < gxi.median
    assert torch.equal(ig.target, net(X).argmax(1))


def test_where_the_output_does_not_change_there_is_no_gap():
    found = completeness_gap(linear, torch.cat([B, X]), torch.ones(41, 6), B)
    assert found.measure("gap").isnan().tolist() == [True] + 40 * [False]
    assert found.undefined("gap") == 1 and "undefined for 1" in repr(found)


def test_infidelity_of_a_linear_model():
    own = WEIGHT.expand(40, 6)
    assert (infidelity(linear, X, own).measure("infidelity") < 1e-12).all()
    twice = infidelity(linear, X, 2 * own, noise=0.3, samples=50)
    # βδ·2w = δ·w at β = ½, and E(δ·w)² is what is left without β
    assert torch.allclose(twice.scale, torch.full((40,), 0.5, dtype=torch.float64))
    assert torch.allclose(twice.measure("infidelity"), twice.moments[:, 2])
    assert (twice.measure("scaled") < 1e-12).all() and (twice.measure("normalised") < 1e-12).all()
    error = numbers(40, 6, seed=4)
    found = infidelity(linear, X, own + error, noise=0.3, samples=4000)
    # E(δ·e)² = σ²‖e‖²; the mean of 4000 squares of a normal number has a relative error of √(2/4000) = 2.2 %
    assert torch.allclose(found.measure("infidelity"), 0.09 * error.square().sum(1), rtol=0.1, atol=0)
    # the part of w that no multiple of w + e explains
    a = own + error
    rest = WEIGHT.square().sum() - (a * WEIGHT).sum(1) ** 2 / a.square().sum(1)
    assert torch.allclose(found.measure("scaled"), 0.09 * rest, rtol=0.15, atol=1e-3)


def test_scaling_a_map_changes_infidelity_but_not_its_normalised_form():
    net = nn.Sequential(nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 3)).double().eval()
    maps = numbers(40, 6, seed=5)
    one, other = infidelity(net, X, maps), infidelity(net, X, -7 * maps)
    assert torch.allclose(one.measure("normalised"), other.measure("normalised"))
    assert (one.measure("infidelity") != other.measure("infidelity")).all()
    values = one.measure("normalised")
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()
    none = infidelity(net, X, torch.zeros(40, 6))
    assert torch.allclose(none.measure("normalised"), torch.ones(40, dtype=torch.float64))
    assert torch.equal(none.measure("random"), one.measure("random"))
    # n = 6: the squared cosine of a random map and the gradient is ⅙ on average
    assert one.mean("random") == pytest.approx(5 / 6, abs=4 * 0.17 / 40**0.5)
    assert (infidelity(lambda x: 0 * x[:, :3], X, maps).measure("normalised")).isnan().all()


def test_maps_in_units_of_the_output_are_divided_by_the_difference():
    x = X.clone()
    x[:, 2] = 0
    per_unit = infidelity(linear, x, WEIGHT.expand(40, 6) * (x != 0))
    own = infidelity(linear, x, x * WEIGHT, differences=x)
    assert torch.allclose(own.moments, per_unit.moments)


def test_seeds_batches_and_files(tmp_path):
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)).double().eval()
    x, maps = numbers(5, 2, 4, 4), numbers(5, 2, 4, 4, seed=1)
    state = torch.get_rng_state()
    one = infidelity(net, x, maps, samples=7)
    assert torch.allclose(one.moments, infidelity(net, x, maps, samples=7, internal_batch_size=2).moments)
    assert torch.equal(one.moments, infidelity(net, x, maps, samples=7).moments)
    assert not torch.equal(one.moments, infidelity(net, x, maps, samples=7, seed=1).moments)
    assert torch.equal(state, torch.get_rng_state())
    assert repr(Infidelity.load(one.save(tmp_path / "found.npz"))) == repr(one)
    assert difference(one, infidelity(net, x, 2 * maps, samples=7), "normalised").values.abs().max() < 1e-9


def test_bad_input_is_named():
    with pytest.raises(OptionError, match="noise=0"):
        infidelity(linear, X, X, noise=0)
    with pytest.raises(OptionError, match="samples=0"):
        infidelity(linear, X, X, samples=0)
    with pytest.raises(DtypeError, match="floating-point"):
        infidelity(lambda x: x.double().sum(1), X.long(), X)
    with pytest.raises(ShapeError, match="one tensor"):
        infidelity(lambda a, b: a.sum(1) + b.sum(1), (X, X), X)
    with pytest.raises(ShapeError, match="expected x − b"):
        infidelity(linear, X, X, differences=X[:, :2])
    with pytest.raises(ShapeError, match=r"shape \(40, 5\)"):
        completeness_gap(linear, X, X[:, :5])

"""The three principles against methods built to keep or to break each, and the correlation over methods."""

import pytest
import torch
from scipy import stats

import taylorattr as ta
from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation import principles, rank_correlation


def changes(f, x, b):
    """Each input's change at the other inputs' values: every effect goes whole to each of its members."""
    b = torch.zeros_like(x) if b is None else b
    n = x.shape[1]
    return torch.stack([f(x)[0] - f(torch.where(torch.arange(n) == i, b, x))[0] for i in range(n)])


def equal(f, x, b):
    """f(x) − f(b) in equal parts: complete, and all of it leaks."""
    b = torch.zeros_like(x) if b is None else b
    return ((f(x) - f(b)) / x.shape[1]).expand(x.shape[1])


def none(f, x, b):
    return torch.zeros(x.shape[1]) + 1e-30


def test_a_method_that_shares_equally_has_no_gap_and_leaks():
    found = principles(equal)
    assert found.gap < 1e-12 and found.holds[:2] == (True, False)
    # a term of s inputs of 3 leaks (3 − s)/3 of itself
    random = principles(equal, n_players=1)
    assert random.leak == 0
    assert 0 < found.leak < 2 / 3


def test_a_method_that_hands_effects_to_each_member_has_the_gap_of_its_supports():
    found = principles(changes, n_players=2, order=2)
    # the only interaction, of x₀x₁, is handed out twice: a gap of its share of Σ|I|
    assert found.leak == 0 and 0 < found.gap < 1 and found.holds[:2] == (False, True)
    assert principles(changes, n_players=3, order=1).gap < 1e-12
    assert principles(none).gap == pytest.approx(1)


def test_bias_is_0_without_a_baseline_and_the_distance_of_averages_is_0():
    ignores = principles(lambda f, x, b: f.n * torch.ones(3))
    assert ignores.bias == 0 and ignores.distance == 0 and ignores.holds[2]
    single = principles("integrated_gradients", order=2, baselines=4)
    averaged = principles("deep_shap", order=2, baselines=4)
    assert single.bias > 0.05 and not single.holds[2]
    assert averaged.bias > 0.05 and averaged.distance < 1e-9 and averaged.holds[2]
    assert single.count == 2 and averaged.count == 3


def test_the_packages_methods_keep_what_is_proved_of_them():
    for name, gap, leak in (
        ("shapley", True, True),
        ("occlusion_1", False, True),
        ("gradient_x_input", False, True),
    ):
        found = principles(name, order=2, baselines=2)
        assert found.holds[:2] == (gap, leak) and found.method == name
    assert "2 of 3" in repr(principles("shapley", n_players=2, order=2, baselines=2))
    sampled = principles("smooth_grad", order=2, baselines=2)
    assert sampled.tolerance == 0.05


def test_the_correlation_is_scipys_with_a_bootstrap_over_methods(tmp_path):
    counts, scores = [0, 1, 1, 2, 2, 3, 3, 3], [0.1, 0.3, 0.2, 0.5, 0.2, 0.9, 0.6, 0.7]
    found = rank_correlation(counts, scores, list("abcdefgh"))
    assert found.rho == pytest.approx(stats.spearmanr(counts, scores).statistic)
    assert found.low < found.rho <= found.high <= 1 and found.sign == "positive"
    assert rank_correlation(counts, [-s for s in scores]).sign == "negative"
    noise = torch.randn(8, generator=torch.Generator().manual_seed(1))
    assert rank_correlation(counts, noise).sign == "not told apart from 0"
    left = rank_correlation([*counts, 1], [*scores, float("nan")])
    assert left.rho == found.rho and len(left.methods) == 8
    assert torch.isnan(torch.tensor(rank_correlation([1, 1, 1], [1, 2, 3]).rho))
    assert repr(ta.Result.load(found.save(tmp_path / "rho.json"))) == repr(found)
    kept = principles(equal, order=2)
    assert repr(ta.Result.load(kept.save(tmp_path / "kept.json"))) == repr(kept)


def test_bad_input_is_named():
    with pytest.raises(OptionError, match="grad_cam explains layer"):
        principles("grad_cam")
    with pytest.raises(OptionError, match="expected a function"):
        principles(3)
    with pytest.raises(OptionError, match="order=0"):
        principles(equal, order=0)
    with pytest.raises(ShapeError, match="gave 2 scores; expected 3"):
        principles(lambda f, x, b: torch.ones(2))
    with pytest.raises(ShapeError, match="needs at least 3"):
        rank_correlation([1, 2], [1, 2])
    with pytest.raises(ShapeError, match="one of each"):
        rank_correlation([1, 2, 3], [1, 2])
    with pytest.raises(OptionError, match="level=2"):
        rank_correlation([1, 2, 3], [1, 2, 4], level=2)

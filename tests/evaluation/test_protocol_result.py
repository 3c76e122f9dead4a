"""Bootstrap intervals: a peer's, covering as often as they say, and paired differences."""

from statistics import NormalDist

import numpy as np
import pytest
import torch

from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation import Difference, PixelPerturbation, bootstrap_interval, difference


def in_closed_form(values, level, samples, seed):
    """Efron's interval: the median bias of the means, and the acceleration Σd³ / (6 (Σd²)^{3/2})."""
    normal, mean, size = NormalDist(), values.mean(), len(values)
    counts = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=samples)
    means = counts @ values / size
    bias = normal.inv_cdf((means < mean).mean() + (means == mean).mean() / 2)
    deviations = values - mean
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    corrected = [bias + normal.inv_cdf(tail) for tail in ((1 - level) / 2, (1 + level) / 2)]
    return np.quantile(means, [normal.cdf(bias + z / (1 - acceleration * z)) for z in corrected])


@pytest.mark.parametrize("draw", ["exponential", "normal", "random"])
def test_it_is_the_closed_form_up_to_the_draws(draw):
    values = getattr(np.random.default_rng(0), draw)(size=30)
    own = bootstrap_interval(values, samples=40_000)
    # a 2.5 % quantile of 40,000 draws has a standard error of about 0.013 of the spread s/√B of the means
    allowed = 0.08 * values.std() / 30**0.5
    assert np.allclose(own, in_closed_form(values, 0.95, 40_000, seed=1), rtol=0, atol=allowed)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)


def test_a_handful_of_samples_still_has_an_interval():
    for seed in range(8):
        low, high = bootstrap_interval(np.array([0.0, 0.0, 1.0]), samples=2, seed=seed)
        assert 0 <= low <= high <= 1


def test_it_covers_a_skewed_mean_nearly_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        low, high = bootstrap_interval(generator.exponential(size=40), level=0.9, samples=1000)
        covered += low <= 1 <= high
    assert 250 <= covered <= 287  # 270 ± 5.2; about 0.88 is known for this case


def test_equal_values_have_no_width_and_bad_arguments_are_refused():
    assert bootstrap_interval(np.full(4, 0.25)) == (0.25, 0.25)
    with pytest.raises(ShapeError, match="at least 2"):
        bootstrap_interval(np.ones(1))
    with pytest.raises(OptionError, match="between 0 and 1"):
        bootstrap_interval(np.arange(3), level=95)


def result(morf, lerf, **changes):
    settings = {"counts": torch.tensor([0, 1, 2]), "regions": 2, "fill": "zero", "rank": "signed"}
    settings |= {"output": "logit", "method": "one"} | changes
    return PixelPerturbation(morf=morf, lerf=lerf, **settings)


def curves(seed, rows=12):
    values = torch.rand(rows, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values[:, 0] = 1.0
    return values


def test_a_difference_is_of_pairs_and_its_interval_that_of_the_differences(tmp_path):
    one, two = result(curves(0), curves(1)), result(curves(2), curves(1), method="two")
    found = difference(one, two, "morf", seed=4)
    values = (one.morf[:, :1] - one.morf).mean(1) - (two.morf[:, :1] - two.morf).mean(1)
    assert torch.allclose(found.values, values, rtol=0, atol=1e-15)
    assert (found.low, found.high) == bootstrap_interval(found.values.numpy(), seed=4)
    assert found.methods == ("one", "two") and "one − two" in repr(found)
    assert found.excludes_zero == (found.low > 0 or found.high < 0)
    assert torch.allclose(difference(one, two, "abpc").values, values, rtol=0, atol=1e-15)
    assert difference(one, one, "abpc").mean == 0
    loaded = Difference.load(found.save(tmp_path / "difference.json"))
    assert repr(loaded) == repr(found)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"fill": "mean"}, "fill"),
        ({"rank": "abs"}, "rank"),
        ({"counts": torch.tensor([0, 1, 1])}, "counts"),
        ({"target": torch.zeros(12, dtype=torch.int64)}, "target"),
        ({"random": curves(3)}, "random control"),
    ],
)
def test_answers_to_different_questions_are_not_compared(change, name):
    with pytest.raises(OptionError, match=f"differ in {name}"):
        difference(result(curves(0), curves(1)), result(curves(0), curves(1), **change), "morf")
    other = curves(0)
    other[3, 0] = 0.5
    with pytest.raises(OptionError, match="output at the inputs"):
        difference(result(curves(0), curves(1)), result(other, curves(1)), "morf")
    with pytest.raises(OptionError, match="there are morf, lerf, abpc"):
        difference(result(curves(0), curves(1)), result(curves(0), curves(1)), "aup")

"""The numbers below a strip are those of the check, and each map has its own scale."""

import numpy as np
import pytest
import torch
from torch import nn

from taylorattr.errors import OptionError
from taylorattr.evaluation import parameter_randomisation
from taylorattr.plot import cascade
from tests.evaluation.maps import gradient
from tests.plot import results


def words(ax):
    return [text.get_text() for text in ax.texts]


def signed(value):
    return f"{value:+.2f}".replace("-", "−")


@pytest.mark.parametrize("kind", ["spearman", "absolute"])
@pytest.mark.parametrize("example", [0, 2])
def test_the_numbers_below_a_strip_are_those_of_the_check(kind, example):
    """On a network: what stands below a map is computed from the drawn maps, and the mean from all nine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3)
        )
        x = torch.randn(9, 1, 4, 4)
    check = parameter_randomisation(net.eval(), x, gradient)
    _, ax = cascade(check, x, kind=kind, example=example)
    original, *after = [np.asarray(image.get_array()).ravel() for image in ax.images][1:]
    if kind == "absolute":
        original, after = np.abs(original), np.abs(after)
    ranks = lambda values: values.argsort().argsort()  # noqa: E731
    own = [np.corrcoef(ranks(original), ranks(image))[0, 1] for image in after]
    means = check.curve(kind).mean(0).tolist()
    below = [
        word for word in words(ax) if word[:1] in "+−" and word[1:2].isdigit() or word.startswith("mean ")
    ]
    assert below == [
        t for pair in zip(own, means, strict=True) for t in (signed(pair[0]), f"mean {signed(pair[1])}")
    ]
    assert ["input", "trained", "5", "+ 3", "+ 1"] == [
        w for w in words(ax) if w in ("input", "trained", "5", "+ 3", "+ 1")
    ]


def test_each_map_has_its_own_scale():
    check = results.check(3)
    _, ax = cascade(check)
    for image, scores in zip(ax.images, check.maps[0], strict=True):
        assert np.asarray(image.get_array()) == pytest.approx(scores.numpy())
        assert image.get_clim() == pytest.approx((-float(scores.abs().max()), float(scores.abs().max())))


def test_of_many_steps_the_first_the_last_and_some_between_are_drawn():
    check = results.check(60, labels=tuple(f"block{i}" for i in range(60)))
    _, ax = cascade(check)
    drawn = len(ax.images)
    assert drawn < 61 and f"{drawn} of 61 steps drawn" in " ".join(words(ax))
    assert {"trained", "+ block59"} <= set(words(ax))
    assert np.asarray(ax.images[-1].get_array()) == pytest.approx(check.maps[0, -1].numpy())
    assert signed(float(check.curve("spearman")[0, -1])) in words(ax)


def test_a_constant_map_has_no_similarity():
    _, ax = cascade(results.check(2, zero=True))
    assert words(ax).count("constant") == 2 and words(ax).count("mean constant") == 2


def test_several_checks_and_examples_are_strips():
    checks = [results.check(2, method=m, batch=3) for m in ("first", "second")]
    _, ax = cascade(checks, example=(0, 2))
    assert [w for w in words(ax) if "example" in w][:4] == [
        f"{m}, example {e}" for m in ("first", "second") for e in (0, 2)
    ]
    _, ax = cascade(checks, k=1)
    assert "1 more strips not drawn" in " ".join(words(ax))


def test_bad_input_is_named():
    with pytest.raises(OptionError, match="parameter_randomisation returns"):
        cascade([results.attribution(5)])
    with pytest.raises(OptionError, match="at least one"):
        cascade([])
    with pytest.raises(OptionError, match="no similarity 'ssim'"):
        cascade(results.check(2), kind="ssim")
    bare = results.check(2)
    object.__setattr__(bare, "maps", None)
    with pytest.raises(OptionError, match="holds no maps"):
        cascade(bare)

"""What the pictures show is what the results hold."""

import pytest
import torch
from matplotlib.figure import Figure

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.plot import by_order, top_effects
from taylorattr.toys import three_effects

X = torch.tensor([[1.0, 2.0]], dtype=torch.float64)


@pytest.fixture(params=["taylor", "harsanyi"])
def effects(request):
    return (
        ta.decompose(three_effects(), X, order=3)
        if request.param == "taylor"
        else ta.harsanyi(three_effects(), X)
    )


def test_the_waterfall_starts_at_the_baseline_and_ends_at_the_input(effects):
    _, ax = by_order(effects)
    bars = ax.patches
    assert bars[0].get_width() == pytest.approx(0.0)
    assert bars[-1].get_width() == pytest.approx(19.0)
    level = 0.0
    for bar, value in zip(bars[1:-1], effects.by_order[0].tolist(), strict=False):
        assert bar.get_x() == pytest.approx(level)
        assert bar.get_width() == pytest.approx(value)
        level += value


def test_no_bar_is_cut_off(effects):
    for _, ax in (by_order(effects), top_effects(effects)):
        low, high = ax.get_xlim()
        for bar in ax.patches:
            assert low < bar.get_x() < high
            assert low < bar.get_x() + bar.get_width() < high


def test_the_bars_are_the_largest_effects_and_the_rest_is_one_bar(effects):
    _, ax = top_effects(effects, 2)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([12.0, 4.0, 3.0])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[-1].endswith("others together")


def test_axes_that_are_given_are_drawn_on(effects):
    figure = Figure()
    given = figure.add_subplot()
    assert by_order(effects, ax=given) == (figure, given)


def test_bad_input(effects):
    with pytest.raises(OptionError, match="examples 0 … 0"):
        by_order(effects, example=1)
    with pytest.raises(OptionError, match="at least 1"):
        top_effects(effects, 0)

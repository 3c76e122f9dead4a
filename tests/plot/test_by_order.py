"""The waterfall starts at f(b), takes one step per order and ends at f(x)."""

from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure

import taylorattr as ta
from taylorattr.plot import by_order
from taylorattr.plot.labels import number
from taylorattr.toys import three_effects
from tests.plot import results

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


def test_the_remainder_is_the_last_step():
    effects = results.taylor(5, 2)
    _, ax = by_order(effects)
    last = ax.patches[-2]
    assert last.get_width() == pytest.approx(0.25)
    assert last.get_x() + last.get_width() == pytest.approx(float(effects.f_input[0]))


def test_no_bar_is_cut_off_unless_zero_is_far_and_then_it_is_said(effects):
    for given in (effects, results.taylor(5, 2)):
        _, ax = by_order(given)
        low, high = ax.get_xlim()
        for bar in ax.patches:
            assert low < bar.get_x() < high
            assert low < bar.get_x() + bar.get_width() < high
        assert "does not start" not in ax.get_xlabel()


def test_far_from_zero_the_steps_fill_the_axis():
    near = results.taylor(5, 2)
    far = replace(near, f_input=near.f_input + 1e4, f_baseline=near.f_baseline + 1e4)
    _, ax = by_order(far)
    assert "does not start at 0" in ax.get_xlabel()
    low, high = ax.get_xlim()
    assert max(abs(bar.get_width()) for bar in ax.patches[1:-1]) > 0.3 * (high - low)


def test_axes_that_are_given_are_drawn_on(effects):
    figure = Figure()
    given = figure.add_subplot()
    assert by_order(effects, ax=given) == (figure, given)


def test_where_orders_grow_the_axis_keeps_to_the_outputs_and_numbers_stand_beside():
    x = torch.tensor([[1.5, -1.0]], dtype=torch.float64)
    effects = ta.decompose(lambda z: torch.atan(4 * z).sum(1) + z[:, 0] * z[:, 1], x, order=7)
    figure, ax = by_order(effects)
    low, high = ax.get_xlim()
    for level in (0.0, float(effects.f_input[0]), float(effects.by_order[0, 0])):
        assert low < level < high
    assert high - low < 10 * float(effects.by_order[0, 0].abs())
    numbers = [t.get_text() for t in ax.child_axes[0].get_yticklabels()]
    assert numbers[1:-2] == [number(float(v)) for v in effects.by_order[0]]
    assert "cut off" in ax.get_xlabel()
    level, crossed = 0.0, 0
    for value in [*effects.by_order[0].tolist(), float(effects.remainder[0])]:
        first, last = sorted((level, level + value))
        crossed += int(last > high) + int(first < low)
        level += value
    assert crossed == len([t for t in ax.texts if t.get_gid() == "beyond"]) > 0
    assert results.collisions(figure) == []

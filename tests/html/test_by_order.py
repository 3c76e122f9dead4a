"""The page's waterfall is what ``ta.plot.by_order`` draws."""

import pytest

import taylorattr as ta
from taylorattr.html.by_order import waterfall
from tests.plot.results import harsanyi, taylor


@pytest.mark.parametrize("effects", [taylor(4, 3), harsanyi(4), harsanyi(6, 2), taylor(3, 2, zero=True)])
def test_the_waterfall_has_the_bars_of_the_matplotlib_picture(effects):
    _, ax = ta.plot.by_order(effects)
    bars = [(min(p.get_x(), p.get_x() + p.get_width()), abs(p.get_width())) for p in ax.patches]
    picture = waterfall(effects, 0)
    assert len(picture.steps) == len(bars)
    low, high = min(b[0] for b in bars), max(b[0] + b[1] for b in bars)
    scale = 100 / ((high - low) or 1.0)
    if not picture.cut:
        for step, (left, width) in zip(picture.steps, bars, strict=True):
            assert (step.left, step.width) == pytest.approx(((left - low) * scale, width * scale), abs=1e-6)
    values = [step.value for step in picture.steps]
    assert values[0] + sum(values[1:-1]) == pytest.approx(values[-1], abs=1e-9)


def test_a_waterfall_far_from_zero_says_so():
    effects = harsanyi(3)
    far = ta.HarsanyiEffects(
        values=effects.values, names=effects.names, frame="baseline", delta=effects.delta,
        f_input=effects.f_input + 1e4, f_baseline=effects.f_baseline + 1e4,
    )  # fmt: skip
    picture = waterfall(far, 0)
    assert picture.cut
    assert all(0 <= step.left and step.left + step.width <= 100 + 1e-9 for step in picture.steps[1:-1])

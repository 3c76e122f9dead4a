"""Bars are the largest effects; the last is the sum of the others, and its label their amount."""

import numpy as np
import pytest

from taylorattr.errors import OptionError
from taylorattr.plot import top_effects
from taylorattr.plot.labels import number
from tests.plot import results


@pytest.mark.parametrize("effects", [results.taylor(5, 3), results.harsanyi(5), results.harsanyi(60, 2)])
def test_the_bars_are_the_largest_effects_and_the_rest_is_one_bar(effects):
    figure, ax = top_effects(effects, 6)
    expected = [effect.value for effect in effects.top(6)[0]]
    values = effects.values[0].numpy()[0 if hasattr(effects, "order") else 1 :]
    rest = np.sort(np.abs(values))[:-6]
    widths = [bar.get_width() for bar in ax.patches]
    assert widths[:-1] == pytest.approx(expected)
    assert widths[-1] == pytest.approx(values.sum() - sum(expected))
    label = ax.get_yticklabels()[-1].get_text()
    assert label.startswith(f"{len(rest):,} others")
    assert number(widths[-1]) in label and number(float(rest.sum()), sign=False) in label
    figure.canvas.draw()


def test_without_others_every_bar_is_an_effect():
    effects = results.taylor(2, 2)
    _, ax = top_effects(effects, 5)
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(float(effects.values.sum()))


def test_a_bar_of_the_others_that_dwarfs_the_effects_is_cut_off_and_says_so():
    effects = results.taylor(60, 2)
    effects.values.abs_()
    _, ax = top_effects(effects, 5)
    assert ax.patches[-1].get_width() > ax.get_xlim()[1]
    assert any("longer" in text.get_text() for text in ax.texts)


def test_bad_input():
    with pytest.raises(OptionError, match="at least 1"):
        top_effects(results.taylor(5, 2), 0)

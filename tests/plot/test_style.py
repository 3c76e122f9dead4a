"""Colours say signs, in every palette; the palette of a block ends with it."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from taylorattr.errors import OptionError
from taylorattr.plot import PALETTES, palette
from taylorattr.plot.style import chosen, colour


@pytest.mark.parametrize("name", list(PALETTES))
def test_colours_say_signs(name):
    shades = PALETTES[name].colour_map()
    assert colour(1.0, name) == colour(0.0, name) == PALETTES[name].positive != colour(-1.0, name)
    ends = [shades(0.0)[:3], shades(1.0)[:3]]
    assert np.allclose(ends, [to_rgb(PALETTES[name].negative), to_rgb(PALETTES[name].positive)], atol=1 / 255)
    assert np.allclose(shades(0.5), 1.0, atol=0.01)  # 256 steps: the middle lies between two of them


def test_red_is_positive_and_blue_negative_unless_chosen_otherwise():
    red, _, blue = to_rgb(colour(1.0))
    assert red > 2 * blue
    red, _, blue = to_rgb(colour(-1.0))
    assert blue > 2 * red


def test_the_palette_of_a_block_ends_with_it():
    with pytest.raises(RuntimeError), palette("orange-purple"):
        assert chosen().name == "orange-purple"
        assert chosen("red-blue").name == "red-blue"
        raise RuntimeError
    assert chosen().name == "red-blue"


def test_an_unknown_palette_is_named():
    with pytest.raises(OptionError, match="rainbow"), palette("rainbow"):
        pass

"""Colours say signs, in every palette; the palette of a block ends with it."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from taylorattr.errors import OptionError
from taylorattr.plot import PALETTES, palette
from taylorattr.plot.style import axes, chosen, colour, faint, ink, paper


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


@pytest.fixture
def pyplot(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    module = pytest.importorskip("matplotlib.pyplot")
    module.close("all")
    yield module
    module.close("all")


def test_where_pyplot_is_in_use_a_picture_is_one_of_its_figures(pyplot, monkeypatch):
    figure, ax = axes(None, (3.0, 2.0))
    assert pyplot.fignum_exists(figure.number) and pyplot.gcf() is figure and figure.axes == [ax]
    with ThreadPoolExecutor(1) as pool:  # windows belong to the main thread
        other, _ = pool.submit(axes, None, (3.0, 2.0)).result()
    assert pyplot.get_fignums() == [figure.number]
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    other, _ = axes(None, (3.0, 2.0))
    assert "matplotlib.pyplot" not in sys.modules
    assert pyplot.get_fignums() == [figure.number] and other is not figure


def test_a_notebook_shows_pictures_before_pyplot_is_imported(pyplot, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    figure, _ = axes(None, (3.0, 2.0))
    assert sys.modules["matplotlib.pyplot"].fignum_exists(figure.number)


def test_ink_is_readable_on_any_paper():
    for colour_of_paper, dark in (("white", False), ("black", True), ("#30343f", True)):
        figure = Figure(facecolor=colour_of_paper)
        ax = figure.add_subplot(facecolor=colour_of_paper)
        assert to_rgb(paper(ax)) == pytest.approx(to_rgb(colour_of_paper))
        contrast = abs(np.mean(to_rgb(ink(ax))) - np.mean(to_rgb(paper(ax))))
        assert contrast > 0.6 > abs(np.mean(to_rgb(faint(ax))) - np.mean(to_rgb(paper(ax))))
        assert (to_rgb(ink(ax))[0] > 0.5) == dark
    inside = Figure(facecolor="black").add_subplot(facecolor="white")
    assert paper(inside) == "#ffffff"
    inside.set_axis_off()  # no paper of its own is drawn
    assert paper(inside) == "#000000"

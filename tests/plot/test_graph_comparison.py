"""Three panels on one circle and one scale: both sides and what leads from one to the other."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from taylorattr.errors import OptionError
from taylorattr.graphs import compare_graphs, interaction_graph
from taylorattr.plot import graph_comparison

from ..graphs.tables import harsanyi_of
from .results import collisions, outside
from .test_network import made, names_of


def compared(n, **options):
    return compare_graphs(made(n, batch=3), made(n, seed=1, batch=3), n_permutations=19, **options)


@pytest.mark.parametrize(("n", "most"), [(1, 1), (2, 2), (5, 5), (60, 41)])
def test_every_panel_has_the_same_players_at_the_same_places(n, most):
    figure, ax = graph_comparison(compared(n))
    figure.canvas.draw()
    panels = ax.child_axes
    assert len(panels) == 3
    standing = [[(t.get_text(), t.get_position()) for t in names_of(panel)] for panel in panels]
    assert standing[0] == standing[1] == standing[2] and len(standing[0]) == most
    assert outside(figure) == []
    if n <= 5:
        assert collisions(figure) == []


def test_dots_and_edges_have_one_scale():
    a, b = harsanyi_of([0, 1.0, 2.0, 4.0]), harsanyi_of([0, 1.0, -2.0, 2.0])
    _, ax = graph_comparison(compare_graphs(a, b))
    widths = [panel.patches[0].get_linewidth() for panel in ax.child_axes]
    thin = widths[1]
    assert widths == pytest.approx([widths[0], thin, thin]) and widths[0] > 1.5 * thin
    areas = [panel.collections[0].get_sizes() for panel in ax.child_axes]
    assert areas[0] == pytest.approx(areas[1])  # |2| and |−2|
    assert areas[2].max() == pytest.approx(max(area.max() for area in areas))  # −4
    assert areas[2].min() < areas[0].min()  # 1 − 1


def test_what_is_not_drawn_is_counted_and_what_is_asked_is_said():
    found = compared(20, labels=("before $x$", "after"))
    _, ax = graph_comparison(found, max_edges=30, max_players=10)
    for panel in ax.child_axes:
        said = " ".join(t.get_text() for t in panel.texts)
        assert "10 others together" in said
        assert len(panel.patches) == 30 and "weaker edges are not drawn" in said
    titles = [panel.get_title() for panel in ax.child_axes]
    assert titles == ["before $x$", "after", "difference: after − before $x$"]
    assert not any(panel.title.get_parse_math() for panel in ax.child_axes)
    caption = " ".join(t.get_text() for t in reversed(ax.texts))
    assert f"p = {found.p_value:.3g} (19 exchanges of inputs between the sides)" in caption
    _, ax = graph_comparison(compared(5, paired=True))
    assert "the two results of an input" in " ".join(t.get_text() for t in ax.texts)


def test_remarks_of_the_comparison_are_on_the_picture():
    cut = interaction_graph(made(5), top=2)
    _, ax = graph_comparison(compare_graphs(cut, interaction_graph(made(5, seed=1))))
    assert "leaves out 8 edges" in " ".join(t.get_text() for t in ax.texts)


def test_given_axes_are_divided():
    figure = Figure(figsize=(8, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    assert graph_comparison(compared(5), ax=upper) == (figure, upper)
    figure.canvas.draw()
    box = upper.get_window_extent()
    for panel in upper.child_axes:
        inner = panel.get_window_extent()
        assert box.x0 - 1 <= inner.x0 and inner.x1 <= box.x1 + 1 and box.y0 - 1 <= inner.y0
    assert not lower.child_axes


def test_nothing_on_both_sides_and_bad_input():
    nothing = harsanyi_of(np.zeros(8))
    _, ax = graph_comparison(compare_graphs(nothing, nothing))
    assert "both sides are 0" in [t.get_text() for t in ax.texts]
    with pytest.raises(OptionError, match="ta.compare_graphs returns; given a Graph"):
        graph_comparison(interaction_graph(nothing))
    with pytest.raises(OptionError, match="max_players=0"):
        graph_comparison(compared(5), max_players=0)
    with pytest.raises(OptionError, match="palette"):
        graph_comparison(compared(5), palette="rainbow")

"""Names do not meet at 5 and at 60 players, and what is folded or left out is said with its amount."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from taylorattr.errors import OptionError
from taylorattr.graphs import compare_graphs, dataset_graph, interaction_graph
from taylorattr.graphs.others import OTHERS, with_others
from taylorattr.maths.subsets import count_up_to
from taylorattr.plot.network import network

from ..graphs.tables import harsanyi_of


def made(n, seed=0, order=2, batch=1):
    generator = np.random.default_rng(seed)
    names = [f"a long name <b>$x_{i}$ & more" if i % 5 == 0 else f"player {i}" for i in range(n)]
    return harsanyi_of(generator.normal(size=(batch, count_up_to(n, order))), names, max_order=order)


def names_of(ax):
    """Texts at the circle."""
    return [t for t in ax.texts if t.get_rotation_mode() == "anchor"]


@pytest.mark.parametrize("n", [1, 2, 5, 14, 15, 60])
def test_names_neither_meet_nor_leave_the_figure(n):
    figure, ax = network(made(n))
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in names_of(ax)]
    assert len(boxes) == n
    frame = figure.bbox
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)
    if n <= 14:  # upright names: their boxes are what is seen
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        return
    # along the spokes: two neighbours are as far apart as the circle leaves them, at their inner ends
    places = np.array([ax.transData.transform(t.get_position()) for t in names_of(ax)])
    distances = np.linalg.norm(places[:, None] - places, axis=2) + 1e9 * np.eye(n)
    font = names_of(ax)[0].get_fontsize() * figure.dpi / 72
    assert distances.min() >= 1.2 * font


def test_users_text_is_text():
    _, ax = network(made(5))
    assert not any(t.get_parse_math() for t in ax.texts)


def test_the_strongest_edges_are_drawn_and_the_rest_is_counted():
    effects = made(20)
    graph = interaction_graph(effects)
    _, ax = network(effects, max_edges=30)
    widths = [patch.get_linewidth() for patch in ax.patches]
    assert len(widths) == 30 and widths == sorted(widths)
    weights = sorted((w for *_, w in graph.edges(data="weight")), reverse=True)
    caption = " ".join(t.get_text() for t in reversed(ax.texts))
    assert f"160 weaker edges are not drawn (Σ|·| {sum(weights[30:]):.3g})" in caption


def test_what_is_folded_is_kept():
    graph = interaction_graph(made(60))
    folded = with_others(graph, 20)
    assert len(folded) == 21 and folded.nodes[OTHERS]["players"] == 40
    whole = sum(v for _, v in graph.nodes(data="independent"))
    assert sum(v for _, v in folded.nodes(data="independent")) == pytest.approx(whole)
    whole = sum(s for *_, s in graph.edges(data="strength"))
    kept = sum(s for *_, s in folded.edges(data="strength")) + folded.nodes[OTHERS]["inside"]
    assert kept == pytest.approx(whole)
    assert with_others(graph, 59) is graph  # one player alone is not folded
    assert "a" in with_others(interaction_graph(harsanyi_of(np.arange(16.0), "abcd")), 2, {"a"})
    with pytest.raises(OptionError, match="keep=0"):
        with_others(graph, 0)
    _, ax = network(graph, max_players=20)
    texts = " ".join(t.get_text() for t in ax.texts)
    assert "40 others together: alone" in texts and len(names_of(ax)) == 21


def test_the_seed_fixes_the_picture():
    def order(seed):
        return [
            t.get_text()
            for t in sorted(names_of(network(made(30), seed=seed)[1]), key=lambda t: t.get_position())
        ]

    assert order(0) == order(0) != order(1)


def test_colours_say_the_sign():
    effects = harsanyi_of([0, 1.0, -1.0, -2.0])
    _, ax = network(effects, palette="orange-purple")
    assert ax.patches[0].get_edgecolor()[:3] == pytest.approx((0x5D / 255, 0x3A / 255, 0x9B / 255))
    red, blue = (c[:3] for c in ax.collections[0].get_facecolors())
    assert red == pytest.approx((0xE6 / 255, 0x61 / 255, 0)) and blue == pytest.approx(
        (0x5D / 255, 0x3A / 255, 0x9B / 255)
    )


def test_graphs_of_every_make_and_given_axes():
    effects = made(6, batch=4)
    figure = Figure(layout="constrained")
    for ax, graph in zip(
        figure.subplots(1, 3),
        (
            dataset_graph(effects),
            compare_graphs(effects, made(6, seed=1, batch=4)).graph(),
            interaction_graph(effects),
        ),
        strict=True,
    ):
        assert network(graph, ax=ax) == (figure, ax)
    figure.canvas.draw()
    # no name leaves its own axes: they were given a third of the figure
    for ax in figure.axes:
        box = ax.get_window_extent()
        assert all(t.get_window_extent().x1 <= box.x1 + 2 for t in names_of(ax))
    _, ax = network(interaction_graph(harsanyi_of(np.zeros(8))))
    assert not ax.patches


def test_bad_input():
    with pytest.raises(OptionError, match="max_edges=0"):
        network(made(5), max_edges=0)
    with pytest.raises(OptionError, match="palette"):
        network(made(5), palette="green")
    with pytest.raises(OptionError, match="examples 0 … 0"):
        network(made(5), example=1)

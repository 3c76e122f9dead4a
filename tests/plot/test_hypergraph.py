"""Marks are the coalitions, lines lead to their players, the rest is summed."""

import itertools

import numpy as np
import pytest

from taylorattr.errors import OptionError
from taylorattr.graphs import interaction_graph, interaction_hypergraph
from taylorattr.plot.hypergraph import hypergraph
from taylorattr.plot.labels import number

from ..graphs.tables import harsanyi_of
from . import results
from .test_network import made, names_of


@pytest.mark.parametrize("n", [2, 5, 60])
def test_names_and_marks_keep_apart(n):
    effects = made(n, order=min(n, 3))
    figure, ax = hypergraph(effects, layout="ring")
    figure.canvas.draw()
    assert len(names_of(ax)) == n
    frame = figure.bbox
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1
    marks = [c for c in ax.collections if c.get_zorder() == 5]
    assert len(marks) == min(20, int((effects.coalitions.sizes > 1).sum()))
    spots = np.array([c.get_offsets()[0] for c in marks])
    assert (np.linalg.norm(spots, axis=1) < 0.85).all()
    for one, other in itertools.combinations(spots, 2):
        assert np.linalg.norm(one - other) > 0.1


def test_lines_lead_to_the_players_of_the_coalition():
    effects = harsanyi_of([0, 1, 1, 0, 1, 0, 0, -5.0])
    _, ax = hypergraph(effects)
    (lines,) = (c for c in ax.collections if c.get_zorder() == 2)
    ends = sorted(tuple(segment[-1].round(9)) for segment in lines.get_segments())
    dots = next(c for c in ax.collections if c.get_zorder() == 4)
    assert ends == sorted(tuple(spot.round(9)) for spot in np.asarray(dots.get_offsets()))
    assert "−5" in [t.get_text() for t in ax.texts]


def test_and_and_or_look_different():
    effects = harsanyi_of([0, 1, 1, 3.0])
    paths = []
    for frame in ("baseline", "input"):
        _, ax = hypergraph(effects.in_frame(frame))
        (mark,) = (c for c in ax.collections if c.get_zorder() == 5)
        paths.append(len(mark.get_paths()[0].vertices))
        caption = " ".join(t.get_text() for t in ax.texts)
        assert ("diamond" in caption) == (frame == "baseline") and ("circle" in caption) == (frame == "input")
    assert paths[0] != paths[1]


def test_what_is_not_drawn_is_summed():
    effects = made(8, order=3)
    _, ax = hypergraph(effects, max_coalitions=5)
    values = effects.values[0].numpy()
    several = values[effects.coalitions.sizes >= 2]
    largest = several[np.argsort(-np.abs(several))[:5]]
    caption = " ".join(t.get_text() for t in reversed(ax.texts))
    rest = f"{several.sum() - largest.sum():+.3g}".replace("-", "−")
    assert f"{len(several) - 5} other coalitions add up to {rest}" in caption
    share = np.abs([*values[1:9], *largest]).sum() / np.abs(values[1:]).sum()
    assert f"drawn: {share:.1%} of Σ|effects|" in caption


def test_players_of_drawn_coalitions_stay():
    effects = made(60, order=3)
    graph = interaction_hypergraph(effects, top=5)
    _, ax = hypergraph(graph, max_players=20, layout="ring")
    members = {m for key in graph if isinstance(key, tuple) for m in key[1:]}
    assert len(names_of(ax)) == 21 and "others" in " ".join(t.get_text() for t in names_of(ax))
    shown = {t.get_text() for t in names_of(ax)}
    assert {m for m in members if m.startswith("player")} <= shown


def test_bad_input():
    with pytest.raises(OptionError, match="draw it with network"):
        hypergraph(interaction_graph(made(3)))
    with pytest.raises(OptionError, match="max_coalitions=0"):
        hypergraph(made(3), max_coalitions=0)
    _, ax = hypergraph(harsanyi_of(np.zeros(8)))
    assert len(names_of(ax)) == 3


@pytest.mark.parametrize("n", [5, 12, 60])
def test_many_large_coalitions_are_lines_over_rows_of_players(n):
    effects = made(n, order=min(n, 5) if n < 60 else 3)
    figure, ax = hypergraph(effects, max_coalitions=18)
    assert results.collisions(figure) == [] and results.outside(figure) == []
    values, names = effects.values[0].numpy(), effects.names
    several = np.flatnonzero(effects.coalitions.sizes >= 2)
    largest = several[np.argsort(-np.abs(values[several]))[:18]]
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert len(set(labels)) == len(labels)
    members = {c.get_gid(): c for c in ax.collections if (c.get_gid() or "").startswith("members:")}
    assert len(members) == 18
    written = [t.get_text() for t in ax.texts if t.get_gid() == "amount"]
    assert written == [number(float(values[c])) for c in largest]
    for column, c in enumerate(largest):
        rows = np.asarray(members[f"members:{column}"].get_offsets())
        assert len(rows) == effects.coalitions.sizes[c] and (rows[:, 0] == column).all()
        held = {labels[int(row)] for row in rows[:, 1]}
        assert held >= {names[i] for i in effects.coalitions[int(c)] if names[i].startswith("player")}
    apart = n - len(labels)
    assert (f"{apart} players are in none of these" in ax.get_xlabel().replace("\n", " ")) == (apart > 0)


def test_the_layout_can_be_chosen():
    few = made(4, order=3)
    _, ring = hypergraph(few)
    _, rows = hypergraph(few, layout="rows")
    assert len(names_of(ring)) == 4 and not names_of(rows)
    with pytest.raises(OptionError, match="layout='tree'"):
        hypergraph(few, layout="tree")

"""A matrix holds the strengths and the independent effects, and gives the graph back."""

import builtins

import numpy as np
import pytest
from hypothesis import given

from taylorattr.errors import MissingExtraError, NonFiniteError, OptionError, PlayerError, ShapeError
from taylorattr.graphs import (
    from_adjacency,
    interaction_graph,
    interaction_hypergraph,
    to_adjacency,
    to_frame,
)

from ..tables import effect_tables, harsanyi_of


@given(effect_tables())
def test_matrix_and_back(effects):
    graph = interaction_graph(effects)
    matrix = to_adjacency(graph)
    assert (matrix == matrix.T).all() and np.trace(matrix) == effects.order_values(1).sum()
    back = from_adjacency(matrix, effects.names)
    assert list(back) == list(graph) and (to_adjacency(back) == matrix).all()
    for one, two, edge in back.edges(data=True):
        assert edge == {key: graph.edges[one, two][key] for key in edge}


def test_frames_have_the_names():
    pandas = pytest.importorskip("pandas")
    names = ["a", "new\nline", "🦊"]
    graph = interaction_graph(harsanyi_of(np.arange(8.0), names))
    frame = to_frame(graph)
    assert isinstance(frame, pandas.DataFrame) and frame.loc["a", "🦊"] == 5.0
    assert list(from_adjacency(frame)) == names
    bipartite = to_frame(interaction_hypergraph(harsanyi_of(np.arange(8.0))), node=None)
    assert ("AND", "p0", "p1", "p2") in bipartite.columns


def test_bad_input(monkeypatch):
    graph = interaction_graph(harsanyi_of(np.arange(8.0)))
    with pytest.raises(OptionError, match="no attribute 'weigth'; it has strength"):
        to_adjacency(graph, "weigth")
    with pytest.raises(ShapeError, match="square and symmetric"):
        from_adjacency([[0, 1], [2, 0]])
    with pytest.raises(PlayerError, match="1 names for 2 rows"):
        from_adjacency(np.ones((2, 2)), ["a"])
    with pytest.raises(NonFiniteError):
        from_adjacency(np.full((2, 2), np.nan))
    real = builtins.__import__
    monkeypatch.setattr("importlib.import_module", lambda name: real("no_such_pandas"))
    with pytest.raises(MissingExtraError, match="pip install pandas"):
        to_frame(graph)

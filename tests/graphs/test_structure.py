"""Measures against a slow reading of their definition."""

import itertools

import networkx as nx
import numpy as np
import pytest

from taylorattr.errors import BudgetError, OptionError
from taylorattr.graphs import (
    backbone,
    centrality,
    communities,
    from_adjacency,
    interaction_graph,
    strongest_cliques,
    weighted_degree,
)
from taylorattr.graphs.structure import CENTRALITIES

from .tables import harsanyi_of


@pytest.fixture
def graph():
    """Two triangles of strong edges, a weak bridge, one lone player."""
    matrix = np.zeros((7, 7))
    for group in ((0, 1, 2), (3, 4, 5)):
        for i, j in itertools.combinations(group, 2):
            matrix[i, j] = matrix[j, i] = (-1) ** (i + j) * (2.0 + i)
    matrix[2, 3] = matrix[3, 2] = 0.5
    return from_adjacency(matrix)


def test_weighted_degree_adds_sizes(graph):
    assert weighted_degree(graph) == {"x0": 4, "x1": 5, "x2": 5.5, "x3": 10.5, "x4": 11, "x5": 11, "x6": 0}


def test_communities_are_the_triangles(graph):
    assert communities(graph) == [
        frozenset({"x0", "x1", "x2"}),
        frozenset({"x3", "x4", "x5"}),
        frozenset({"x6"}),
    ]
    assert communities(nx.create_empty_copy(graph)) == [frozenset({node}) for node in graph]


def test_strongest_cliques(graph):
    found = strongest_cliques(graph)
    assert [clique.members for clique in found] == [("x3", "x4", "x5"), ("x0", "x1", "x2")]
    assert (found[0].weight, found[0].weakest) == (16.0, 5.0)
    assert len(strongest_cliques(graph, 2, 100)) == 7 and strongest_cliques(graph, 4) == []
    with pytest.raises(OptionError, match="at least 2"):
        strongest_cliques(graph, 1)
    with pytest.raises(BudgetError, match="top= or threshold="):
        strongest_cliques(from_adjacency(np.ones((60, 60))), 10)


def test_the_backbone_is_the_strongest_forest():
    generator = np.random.default_rng(0)
    values = generator.integers(-9, 10, size=32).astype(float)
    graph = interaction_graph(harsanyi_of(values))
    tree = backbone(graph)
    weight = sum(w for *_, w in tree.edges(data="weight"))
    best = max(
        sum(graph.edges[e]["weight"] for e in edges)
        for edges in itertools.combinations(graph.edges, 4)
        if nx.is_forest(nx.Graph(edges))
    )
    assert weight == best and tree.number_of_edges() == 4
    shares = [s for _, s in tree.nodes(data="share")] + [s for *_, s in tree.edges(data="share")]
    assert tree.graph["shown_share"] == pytest.approx(sum(shares))
    assert tree.graph["shown_share"] < graph.graph["shown_share"]
    assert tree.graph["edges_left_out"] == graph.number_of_edges() - 4


def test_eigenvector_centrality_is_an_eigenvector(graph):
    part = graph.subgraph(["x3", "x4", "x5"])
    found = np.array(list(centrality(part).values()))
    matrix = nx.to_numpy_array(part, weight="weight")
    assert matrix @ found == pytest.approx(
        found * np.linalg.eigvalsh(matrix)[-1], abs=1e-4
    )  # networkx stops at 1e-6


def test_paths_are_short_where_edges_are_strong(graph):
    between = centrality(graph, "betweenness")
    assert between["x2"] > between["x0"] and between["x6"] == 0
    assert centrality(graph, "degree") == weighted_degree(graph)
    assert centrality(nx.create_empty_copy(graph), "closeness") == dict.fromkeys(graph, 0.0)
    for kind in CENTRALITIES:
        assert list(centrality(graph, kind)) == list(graph)
    with pytest.raises(OptionError, match="kind='pagerank'; expected one of degree"):
        centrality(graph, "pagerank")

"""The distance is a metric, differences are exact, the test keeps its level and finds what is there."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import NonFiniteError, OptionError, PlayerError, ShapeError
from taylorattr.graphs import (
    GraphComparison,
    allocated_effects,
    compare_graphs,
    from_adjacency,
    interaction_graph,
)

from .tables import harsanyi_of


@st.composite
def triples(draw):
    """Three graphs over the same players, with whole numbers."""
    n = draw(st.integers(2, 4))
    graphs = []
    for _ in range(3):
        matrix = np.array(draw(st.lists(st.integers(-9, 9), min_size=n * n, max_size=n * n))).reshape(n, n)
        graphs.append(from_adjacency(np.triu(matrix) + np.triu(matrix, 1).T))
    return graphs


@given(triples())
def test_the_distance_is_a_metric(graphs):
    a, b, c = graphs

    def d(one, other):
        return compare_graphs(one, other).distance

    assert d(a, a) == 0 and d(a, b) == d(b, a) >= 0
    assert d(a, c) <= d(a, b) + d(b, c)
    assert (d(a, b) == 0) == (compare_graphs(a, b).graph().number_of_edges() == 0 and all(
        value == 0 for _, value in compare_graphs(a, b).graph().nodes(data="independent")
    ))  # fmt: skip
    assert 0 <= compare_graphs(a, b).relative_distance <= 1


@given(triples())
def test_differences_lead_from_one_graph_to_the_other(graphs):
    a, b, _ = graphs
    found = compare_graphs(a, b)
    assert sum(abs(d.difference) for d in found.differences()) == found.distance
    for name in a:
        change = found.graph().nodes[name]["independent"]
        assert a.nodes[name]["independent"] + change == b.nodes[name]["independent"]
    for d in found.differences():
        if len(d.players) == 2:
            pair = [g.get_edge_data(*d.players, {"strength": 0})["strength"] for g in (a, b)]
            assert [d.a, d.b] == pair and d.difference == pair[1] - pair[0]


def test_nodes_are_aligned_by_name():
    matrix = np.array([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]])
    order = [2, 0, 1]
    one = from_adjacency(matrix, "abc")
    other = from_adjacency(matrix[np.ix_(order, order)], "cab")
    assert compare_graphs(one, other).distance == 0
    less = from_adjacency(matrix[:2, :2], "ab")
    with pytest.raises(PlayerError, match="only the first has .'c'., only the second .*missing='zero'"):
        compare_graphs(one, less)
    found = compare_graphs(one, less, missing="zero")
    assert found.distance == 3 + 5 + 6 and found.names == ("a", "b", "c")


def test_effects_are_compared_by_their_means():
    a = harsanyi_of([[0, 1, 2, 3], [0, 3, 2, 5]])
    b = harsanyi_of([[0, 1, 2, 3]])
    found = compare_graphs(a, b)
    assert found.nodes_a.tolist() == [2, 2] and found.edges_a[0, 1] == 4 and found.p_value is None
    assert isinstance(found, GraphComparison) and "distance 2 (nodes 1, edges 1)" in repr(found)


def test_the_test_keeps_its_level():
    # both sides from one distribution: P(p ≤ 0.1) ≤ 0.1, in 300 simulations at most 30 + 3 · 5.2
    generator = np.random.default_rng(0)
    for paired in (False, True):
        rejected = 0
        for _ in range(300):
            values = generator.normal(size=(2, 6, 8))
            sides = [harsanyi_of(side) for side in values]
            found = compare_graphs(
                *sides, n_permutations=99, seed=int(generator.integers(1 << 30)), paired=paired
            )
            rejected += found.p_value <= 0.1
        assert 12 <= rejected <= 46


def test_the_test_finds_a_difference_and_pairs_find_a_small_one():
    generator = np.random.default_rng(1)
    first = generator.normal(size=(12, 8))
    far = generator.normal(size=(12, 8)) + np.array([0, 0, 0, 3.0, 0, 0, 0, 0])
    assert compare_graphs(harsanyi_of(first), harsanyi_of(far)).p_value < 0.01
    near = first + np.array([0, 0, 0, 0.3, 0, 0, 0, 0]) + generator.normal(size=(12, 8)) * 0.01
    assert compare_graphs(harsanyi_of(first), harsanyi_of(near)).p_value > 0.2
    assert compare_graphs(harsanyi_of(first), harsanyi_of(near), paired=True).p_value < 0.01
    assert compare_graphs(harsanyi_of(first), harsanyi_of(first), paired=True).p_value == 1.0


def test_scores_beside_the_effects_they_share_out():
    def f(z):
        return z[:, 0] + z[:, 0] * z[:, 1]

    x = torch.tensor([[1.0, 2.0], [1.0, 3.0]], dtype=torch.float64)
    found = compare_graphs(ta.harsanyi(f, x), ta.attribute("shapley", f, x))
    assert found.edges_a[0, 1] == pytest.approx(2.5) and found.edges_b[0, 1] == 0
    assert found.nodes_b - found.nodes_a == pytest.approx([1.25, 1.25]) and found.p_value is None


def test_what_a_rule_counts_twice_is_seen_at_the_edge():
    def f(z):
        return z[:, 0] + z[:, 0] * z[:, 1]

    effects = ta.harsanyi(f, torch.tensor([[1.0, 2.0]], dtype=torch.float64))
    found = compare_graphs(effects, allocated_effects("occlusion_1", effects))
    assert found.differences()[0].players == ("x0", "x1")
    assert found.differences()[0][1:] == pytest.approx((2.0, 4.0, 2.0)) and found.node_distance == 0
    assert compare_graphs(effects, allocated_effects("shapley", effects)).distance == pytest.approx(
        0, abs=1e-15
    )


def test_a_selection_is_remarked():
    whole = harsanyi_of(np.arange(8.0))
    found = compare_graphs(interaction_graph(whole, top=1), interaction_graph(whole))
    assert "leaves out 2 edges" in found.remarks[0] and found.distance == 5 + 3


def test_bad_input():
    one = harsanyi_of(np.ones((2, 8)))
    with pytest.raises(OptionError, match="same index="):
        compare_graphs(one, interaction_graph(one, index="total"))
    with pytest.raises(OptionError, match="same frame"):
        compare_graphs(one, harsanyi_of(np.ones((2, 8)), frame="input"))
    with pytest.raises(ShapeError, match="2 and 3"):
        compare_graphs(one, harsanyi_of(np.ones((3, 8))), paired=True)
    with pytest.raises(OptionError, match="interaction_graph"):
        compare_graphs(ta.graphs.interaction_hypergraph(one), one)
    with pytest.raises(OptionError, match="missing='no'"):
        compare_graphs(one, one, missing="no")
    broken = from_adjacency(np.ones((2, 2)))
    broken.edges["x0", "x1"]["strength"] = float("nan")
    with pytest.raises(NonFiniteError):
        compare_graphs(broken, broken)
    with pytest.raises(PlayerError, match="no players"):
        compare_graphs(from_adjacency(np.empty((0, 0))), broken.subgraph([]))

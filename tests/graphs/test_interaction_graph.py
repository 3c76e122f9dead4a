"""Nodes and edges are the effects, shares add up to what is shown, and bad input is told what to do."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import BudgetError, NonFiniteError, OptionError, PlayerError, ShapeError
from taylorattr.graphs import interaction_graph
from taylorattr.toys import three_effects

from .tables import effect_tables, harsanyi_of

X = torch.tensor([[1.0, 2.0]], dtype=torch.float64)


def bent(z):
    return z[:, 0] * z[:, 1] * z[:, 2] - 2 * z[:, 0] * z[:, 1] + z[:, 3] ** 2 + torch.tanh(z[:, 0] + z[:, 2])


POINT = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.5, 1.0, -1.0, 0.2]], dtype=torch.float64)


@given(effect_tables())
def test_an_edge_is_the_effect_of_its_pair_and_a_node_that_of_its_player(effects):
    graph = interaction_graph(effects)
    assert list(graph) == list(effects.names)
    for i, name in enumerate(effects.names):
        assert graph.nodes[name]["independent"] == effects[i].item()
    for i, j in itertools.combinations(range(effects.n), 2):
        value = effects[i, j].item()
        pair = effects.names[i], effects.names[j]
        assert graph.has_edge(*pair) == (value != 0)
        if value:
            edge = graph.edges[pair]
            assert (edge["strength"], edge["weight"]) == (value, abs(value))
            assert edge["sign"] == np.sign(value) and edge["kind"] == "pair"


@given(effect_tables(), st.sampled_from(["pair", "total"]))
def test_shown_share_is_the_sum_of_the_shares(effects, index):
    graph = interaction_graph(effects, index=index)
    shares = sum(s for _, s in graph.nodes(data="share")) + sum(s for *_, s in graph.edges(data="share"))
    values = effects.values[0].numpy()
    total = np.abs(values[1:]).sum()
    small = sum(abs(v) for s, v in zip(effects.coalitions, values, strict=True) if 1 <= len(s) <= 2)
    if total == 0:
        assert graph.graph["shown_share"] == 1.0 and not graph.edges
        return
    assert graph.graph["shown_share"] == pytest.approx(shares, abs=1e-12)
    # pairs show the effects of one and two players, folded pairs all (1 player has no pairs to fold into)
    assert graph.graph["shown_share"] == pytest.approx(1.0 if index == "total" else small / total, abs=1e-12)


@given(effect_tables())
def test_interactions_of_a_player_are_the_effects_it_takes_part_in(effects):
    graph = interaction_graph(effects)
    for i, name in enumerate(effects.names):
        parts = [
            v.item()
            for s, v in zip(effects.coalitions, effects.values[0], strict=True)
            if i in s and len(s) > 1
        ]
        assert graph.nodes[name]["interactions"] == sum(parts)
        assert graph.nodes[name]["interactions_size"] == sum(map(abs, parts))


@given(effect_tables(min_players=2))
def test_a_total_is_the_size_of_every_effect_that_holds_the_pair(effects):
    graph = interaction_graph(effects, index="total")
    for i, j in itertools.combinations(range(effects.n), 2):
        parts = [
            v.item() for s, v in zip(effects.coalitions, effects.values[0], strict=True) if {i, j} <= {*s}
        ]
        found = graph.get_edge_data(effects.names[i], effects.names[j], {"strength": 0.0, "sign": 0})
        assert found["strength"] == sum(map(abs, parts))
        assert found["sign"] == np.sign(sum(parts))


@pytest.mark.parametrize("index", ["SII", "k-SII", "STII", "FSII", "BII", "FBII", "CHII"])
def test_an_index_is_the_one_of_the_effects(index):
    effects = ta.harsanyi(bent, POINT)
    other = ta.harsanyi(bent, POINT, frame="input")
    for example in range(2):
        expected = effects.index(index, 2)
        for source in (effects, other):
            graph = interaction_graph(source, index=index, example=example, threshold=0)
            assert graph.graph["frame"] == "baseline"
            for one, two, strength in graph.edges(data="strength"):
                assert strength == pytest.approx(expected[one, two][example].item(), abs=1e-12)
        itself = interaction_graph(expected, example=example, threshold=0)
        for one, two, strength in itself.edges(data="strength"):
            assert strength == expected[one, two][example].item()


def test_taylor_effects_bring_their_parts():
    graph = interaction_graph(ta.decompose(three_effects(), X, order=3))
    parts = [graph.nodes["x1"][key] for key in ("first_order", "high_order", "independent")]
    assert parts == pytest.approx([0.0, 4.0, 4.0])
    assert graph.edges["x0", "x1"]["strength"] == pytest.approx(12.0)
    assert graph.graph["shown_share"] == pytest.approx(1.0)
    assert graph.graph["delta"] == graph.graph["f_input"] == pytest.approx(19.0)
    assert graph.graph["reach"] == "Taylor terms of order ≤ 3"


def test_the_hessian_of_taylor_effects_is_the_second_derivative():
    effects = ta.decompose(bent, POINT, order=3, diagnose=False)
    graph = interaction_graph(effects, index="hessian")
    at_zero = ta.hessian(bent, torch.zeros_like(POINT))[0].numpy()
    for one, two, strength in graph.edges(data="strength"):
        i, j = (effects.names.index(name) for name in (one, two))
        assert strength == pytest.approx(at_zero[i, j] * POINT[0, i].item() * POINT[0, j].item())
    assert 0 < graph.graph["shown_share"] < 1


def test_a_hessian_and_integrated_hessians():
    hessian = ta.hessian(bent, POINT)
    graph = interaction_graph(hessian, names="abcd", example=1)
    assert graph.edges["a", "b"]["strength"] == pytest.approx(hessian[1, 0, 1].item())
    assert "delta" not in graph.graph and graph.graph["kind"] == "hessian"
    shares = ta.integrated_hessians(bent, POINT)
    graph = interaction_graph(shares)
    whole = sum(v for _, v in graph.nodes(data="independent")) + sum(
        s for *_, s in graph.edges(data="strength")
    )
    assert whole == pytest.approx(shares.values[0].sum().item())
    assert graph.graph["delta"] == shares.delta[0].item()


def test_symbolic_effects_and_scores():
    x0, x1 = sympy.symbols("x0 x1")
    graph = interaction_graph(ta.symbolic_effects(3 * x0 + x1**2 + 3 * x0 * x1**2, (x0, x1), (1, 2)))
    assert graph.nodes["x1"]["high_order"] == 4.0
    scores = ta.attribute("shapley", three_effects(), X)
    graph = interaction_graph(scores)
    assert not graph.edges and graph.nodes["x0"]["independent"] == pytest.approx(9.0)


def test_top_threshold_and_min_share_keep_the_strongest():
    effects = harsanyi_of([0, 1, 1, -8, 1, 4, -2, 0])  # pairs −8, 4, −2
    strongest = [("p0", "p1"), ("p0", "p2"), ("p1", "p2")]
    for k in range(4):
        graph = interaction_graph(effects, top=k)
        assert list(graph.edges) == strongest[:k] and graph.graph["edges_left_out"] == 3 - k
    assert list(interaction_graph(effects, threshold=4).edges) == strongest[:2]
    for share, count in ((0.0, 0), (0.5, 1), (8 / 14, 1), (0.6, 2), (12 / 14, 2), (1.0, 3)):
        assert interaction_graph(effects, min_share=share).number_of_edges() == count
    assert interaction_graph(effects, min_share=1.0, top=2, threshold=5).number_of_edges() == 1
    assert interaction_graph(effects, top=1).graph["shown_share"] == pytest.approx(11 / 17)


def test_rounding_makes_no_edges():
    x = torch.rand(1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    effects = ta.harsanyi(lambda z: 1e3 + z.sum(1), x)
    assert effects.order_values(2).abs().max() > 0
    graph = interaction_graph(effects)
    assert not graph.edges and graph.graph["below_rounding"] > 0
    assert interaction_graph(effects, threshold=0).number_of_edges() == graph.graph["below_rounding"]


def test_one_player_and_nothing_at_all():
    graph = interaction_graph(ta.harsanyi(lambda z: z[:, 0] ** 2, torch.ones(1, 1)))
    assert list(graph) == ["x0"] and graph.graph["shown_share"] == 1.0
    graph = interaction_graph(harsanyi_of([0.0] * 8))
    assert len(graph) == 3 and not graph.edges and graph.graph["shown_share"] == 1.0


def test_many_effects_ask_what_to_show():
    n = 220  # 24,090 pairs
    effects = harsanyi_of(np.ones((1, 1 + n + n * (n - 1) // 2)), [f"p{i}" for i in range(n)], max_order=2)
    with pytest.raises(BudgetError, match="24090 edges are too many .* top=, threshold= or min_share="):
        interaction_graph(effects)
    assert interaction_graph(effects, top=50).number_of_edges() == 50


def test_bad_input():
    effects = harsanyi_of(np.arange(8.0))
    cases = [
        ({"index": "shapley"}, OptionError, "pair, total, SII, k-SII, STII, FSII, BII, FBII, CHII, hessian"),
        ({"index": "hessian"}, OptionError, "Taylor effects"),
        ({"example": 1}, OptionError, "examples 0 … 0"),
        ({"top": -1}, OptionError, "top=-1"),
        ({"threshold": float("nan")}, OptionError, "threshold=nan"),
        ({"min_share": 2}, OptionError, "from 0 to 1"),
        ({"names": ["a", "b"]}, PlayerError, "expected 3 texts"),
        ({"names": ["a", "b", "a"]}, PlayerError, "'a'; pass names"),
    ]
    for options, error, message in cases:
        with pytest.raises(error, match=message):
            interaction_graph(effects, **options)
    with pytest.raises(NonFiniteError, match="example 0"):
        interaction_graph(harsanyi_of([0, 1, float("nan"), 3]))
    two = harsanyi_of([[0, 1, 2, 3], [0, 1, float("inf"), 3]])
    assert interaction_graph(two).number_of_edges() == 1  # the other example is whole
    with pytest.raises(NonFiniteError, match="example 1"):
        interaction_graph(two, example=1)
    with pytest.raises(PlayerError, match="at least one player"):
        interaction_graph(harsanyi_of([0.0]))
    with pytest.raises(OptionError, match="holds no example"):
        interaction_graph(harsanyi_of(np.empty((0, 4))))
    with pytest.raises(OptionError, match="a graph of dict is not defined"):
        interaction_graph({})
    with pytest.raises(OptionError, match="of_truncated"):
        interaction_graph(replace(effects, truncated_at=2), index="STII")
    with pytest.raises(OptionError, match="larger max_order"):
        interaction_graph(harsanyi_of([0, 1, 1.0], ["a", "b"], max_order=1))
    with pytest.raises(OptionError, match="order=2"):
        interaction_graph(ta.decompose(three_effects(), X, order=1))
    with pytest.raises(ShapeError, match=r"\(n, n\)"):
        interaction_graph(torch.ones(2, 3))
    with pytest.raises(OptionError, match="its own"):
        interaction_graph(torch.ones(2, 2), index="total")

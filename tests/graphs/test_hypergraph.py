"""Every coalition is a node, joined to its players; what is left out is said."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given

import taylorattr as ta
from taylorattr.errors import BudgetError, OptionError
from taylorattr.graphs import interaction_hypergraph

from .tables import effect_tables, harsanyi_of


@given(effect_tables())
def test_coalitions_are_joined_to_their_players(effects):
    graph = interaction_hypergraph(effects)
    assert nx.is_bipartite(graph)
    expected = {
        ("AND", *(effects.names[i] for i in s)): v.item()
        for s, v in zip(effects.coalitions, effects.values[0], strict=True)
        if len(s) > 1 and v != 0
    }
    found = dict(graph.nodes(data="strength"))
    assert {key: found[key] for key in graph if isinstance(key, tuple)} == expected
    for key in expected:
        assert set(graph[key]) == set(key[1:]) and graph.nodes[key]["order"] == len(key) - 1
    assert graph.graph["shown_share"] == pytest.approx(1.0)
    whole = sum(v for _, v in graph.nodes(data="independent", default=0.0)) + sum(expected.values())
    assert whole == effects.delta.item()


@given(effect_tables(min_players=2))
def test_what_is_left_out_is_counted(effects):
    full = interaction_hypergraph(effects)
    coalitions = full.number_of_nodes() - effects.n
    part = interaction_hypergraph(effects, top=2, max_order=2)
    shown = [a["strength"] for _, a in part.nodes(data=True) if a["bipartite"]]
    assert len(shown) <= 2 and all(len(k) == 3 for k in part if isinstance(k, tuple))
    assert part.graph["coalitions_left_out"] == coalitions - len(shown)
    several = effects.values[0, 1:].sum() - effects.order_values(1).sum()
    assert part.graph["left_out_sum"] == pytest.approx(several.item() - sum(shown))


def test_and_or_effects_are_different_nodes():
    def either(z):
        return torch.clamp(z.sum(1), max=1.0)

    x = torch.ones(1, 2, dtype=torch.float64)
    both = ta.harsanyi(either, x)
    one = ta.harsanyi(either, x, frame="input")
    ands, ors = interaction_hypergraph(both), interaction_hypergraph(one)
    assert [ands.nodes[("AND", "x0", "x1")][k] for k in ("kind", "strength")] == ["AND", -1.0]
    assert [ors.nodes[("OR", "x0", "x1")][k] for k in ("kind", "strength")] == ["OR", 1.0]
    assert len(nx.compose(ands, ors)) == 4


def test_taylor_effects_are_summed_by_support():
    def f(z):
        return z[:, 0] * z[:, 1] + z[:, 0] ** 2 * z[:, 1] + z[:, 2] ** 2

    graph = interaction_hypergraph(ta.decompose(f, torch.full((1, 3), 2.0), order=3))
    assert graph.nodes[("AND", "x0", "x1")]["strength"] == pytest.approx(12.0)
    assert graph.nodes["x2"]["high_order"] == pytest.approx(4.0)


def test_an_index_is_called_by_its_name():
    index = harsanyi_of(np.arange(8.0)).index("STII", 2)
    graph = interaction_hypergraph(index)
    key = ("STII", "p0", "p1")
    assert graph.nodes[key]["kind"] == "STII" and graph.nodes[key]["strength"] == index[0, 1].item()
    _, ax = ta.plot.hypergraph(index)
    assert any("diamond: STII" in text.get_text() for text in ax.texts)


def test_bad_input():
    with pytest.raises(OptionError, match="max_order=0"):
        interaction_hypergraph(harsanyi_of(np.ones(4)), max_order=0)
    with pytest.raises(OptionError, match="examples 0 … 0"):
        interaction_hypergraph(harsanyi_of(np.ones(4)), example=3)
    with pytest.raises(BudgetError, match="coalitions are too many"):
        interaction_hypergraph(harsanyi_of(np.ones(1 << 15)))

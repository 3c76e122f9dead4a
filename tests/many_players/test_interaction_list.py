"""The result: looked up by players, kept in files, cut by example, handed to graphs and to shapiq."""

import dataclasses

import networkx as nx
import pytest
import torch

import taylorattr as ta
from taylorattr.effects.examples import same
from taylorattr.many_players.interaction_list import STATUS
from taylorattr.toys import Polynomial

MODEL = Polynomial({(1, 0, 0, 0): 3, (1, 1, 0, 0): 2, (0, 1, 1, 0): -5, (0, 0, 0, 2): 1})
X = torch.tensor([[1.0, 1.0, 1.0, 2.0], [1.0, 0.0, 1.0, 1.0]])


@pytest.fixture(scope="module")
def found():
    return ta.interactions(MODEL, X)


def equal(one, other):
    return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))


def test_looked_up_by_names_or_numbers_in_any_order(found):
    assert found["x2", "x1"].tolist() == found[1, 2].tolist() == [-5, 0]
    assert found["x3"].tolist() == [4, 1]
    assert found.known_as((0, 1)) == ["measured"] * 2
    assert found.known_as((0, 1, 2)) == ["not looked at"] * 2 and bool(found[0, 1, 2].isnan().all())
    with pytest.raises(ta.errors.OptionError, match="no player is called 'y'"):
        found["y"]


def test_largest_entries_first(found):
    first = found.top(2)[0]
    assert [(e.name, e.value, e.status, e.key) for e in first] == [
        ("x1 × x2", -5.0, "measured", (1, 2)),
        ("x3", 4.0, "measured", (3,)),
    ]
    assert [e.key for e in found.top(5, order=2)[0]] == [(1, 2), (0, 1)]
    assert found.total.tolist() == found.delta.tolist() and found.gap.tolist() == [0, 0]


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_files_keep_everything(found, suffix, tmp_path):
    assert equal(ta.Result.load(found.save(tmp_path / f"found{suffix}")), found)


def test_parts_that_looked_at_different_coalitions_are_put_together():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(30, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).eval()
    whole = ta.interactions(network, torch.randn(3, 30), budget=350)
    parts = [whole.select(e) for e in range(3)]
    assert len({len(part.members) for part in parts}) > 1 or parts[0].coalitions != parts[1].coalitions
    assert equal(ta.Interactions.concat(parts), whole)
    assert all(STATUS[int(s)] != "not looked at" for s in parts[1].status.reshape(-1))


def test_graphs_are_made_of_pairs_and_single_players(found):
    graph = ta.interaction_graph(found)
    exact = ta.interaction_graph(ta.harsanyi(MODEL, X))
    assert {frozenset(e[:2]): e[2] for e in graph.edges(data="strength")} == {
        frozenset(e[:2]): e[2] for e in exact.edges(data="strength")
    }
    for key in ("independent", "interactions", "interactions_size", "share"):
        assert nx.get_node_attributes(graph, key) == nx.get_node_attributes(exact, key)
    assert graph.graph["kind"] == "pair" and "looked at" in graph.graph["reach"]
    with pytest.raises(ta.errors.OptionError, match="edges of this result are its own"):
        ta.interaction_graph(found, index="STII")


def test_shapiq_reads_it(found):
    shapiq = pytest.importorskip("shapiq")
    values = found.to_shapiq(example=0)
    assert isinstance(values, shapiq.InteractionValues) and values.index == "Moebius"
    assert values[(1, 2)] == -5 and values[(3,)] == 4
    with pytest.raises(ta.errors.OptionError, match="say which"):
        found.to_shapiq()


def test_parts_that_do_not_fit_are_refused(found):
    with pytest.raises(ta.errors.ShapeError, match="members name players outside"):
        dataclasses.replace(found, members=found.members + 4)
    with pytest.raises(ta.errors.ShapeError, match="need 2 entries each"):
        dataclasses.replace(found, way=("exact",))
    with pytest.raises(ta.errors.OptionError, match="index='Shapely'"):
        dataclasses.replace(found, index="Shapely")


def test_what_is_printed_says_the_way_and_what_is_known(found):
    text = repr(found)
    assert "way exact (11 evaluations)" in text and "every coalition of up to 2 players was measured" in text

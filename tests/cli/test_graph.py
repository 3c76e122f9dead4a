"""``taylorattr graph`` as a user runs it."""

import json

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main
from taylorattr.graphs import read_graph

MODEL = """
import torch


def table(x):
    return x[:, 0] * x[:, 1] + x[:, 2] ** 2 + 0.5 * x[:, 0] * x[:, 1] * x[:, 2]
"""

ROWS = [[1, 2, 3], [0.5, -1, 2], [1, 1, 1], [2, 0, 1]]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    (tmp_path / "nets_to_graph.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.savetxt(tmp_path / "t.csv", ROWS, delimiter=",", header="a,b,c", comments="")
    return tmp_path


def graph(*arguments):
    return main(["graph", "--model", "nets_to_graph:table", "--data", "t.csv", *arguments])


@pytest.mark.parametrize("suffix", [".graphml", ".gexf", ".json", ".dot"])
def test_it_writes_what_the_library_gives(place, suffix, capsys):
    assert graph("--exact", "--out", f"g{suffix}") == 0
    direct = ta.interaction_graph(
        ta.harsanyi(
            lambda x: x[:, 0] * x[:, 1] + x[:, 2] ** 2 + 0.5 * x[:, 0] * x[:, 1] * x[:, 2],
            torch.tensor(ROWS[:1], dtype=torch.float64),
            players=ta.Players.elements(torch.ones(1, 3), names="abc"),
        )
    )
    written = read_graph(place / f"g{suffix}")
    assert written.graph == direct.graph and dict(written.nodes) == dict(direct.nodes)
    assert written.edges["a", "b"] == direct.edges["a", "b"]
    text = capsys.readouterr().out
    assert "3 players, 1 edges (pair)" in text and "+2  a × b" in text and "f(x) - f(b) = 14" in text


def test_folds_and_selection(place, capsys):
    assert graph("--exact", "--index", "STII", "--top", "2", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [edge["kind"] for edge in data["edges"]] == ["STII"] * 2
    assert graph("--index", "hessian", "--json") == 0
    (edge,) = json.loads(capsys.readouterr().out)["edges"]
    assert edge["strength"] == pytest.approx(2.0)


def test_several_rows_are_a_mean_and_two_sets_a_difference(place, capsys):
    assert graph("--rows", "0:4", "--out", "m.json") == 0
    assert "mean of 4 inputs" in capsys.readouterr().out
    assert read_graph(place / "m.json").edges["a", "b"]["strength"] == pytest.approx((2 - 0.5 + 1 + 0) / 4)
    assert graph("--rows", "0:2", "--compare", "2:4", "--out", "d.json") == 0
    text = capsys.readouterr().out
    assert "distance of the two sides" in text and "p = " in text
    found = read_graph(place / "d.json")
    assert found.edges["a", "b"]["strength"] == pytest.approx(0.5 - 0.75)


def test_pictures(place):
    assert graph("--out", "g.png") == graph("--plot", "p.png", "--rows", "0:3") == 0
    for name in ("g.png", "p.png"):
        assert (place / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "g.txt"], "graphs are written as .graphml"),
        (["--out", "nowhere/g.json"], "there is no folder nowhere"),
        (["--plot", "g.pdf"], "written as .png"),
        (["--index", "STII"], "add --exact"),
        (["--index", "hessian", "--exact"], "leave --exact out"),
        (["--max-order", "2"], "goes with --exact"),
        (["--compare", "1:2", "--top", "3"], "do not apply"),
        (["--compare", "7:9"], "--compare"),
        (["--top", "-2"], "top=-2"),
    ],
)
def test_a_wrong_call_is_one_line_and_leaves_no_file(place, arguments, message, capsys):
    before = set(place.iterdir())
    assert graph(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert {p for p in place.iterdir() if p.name != "__pycache__"} == before - {place / "__pycache__"}

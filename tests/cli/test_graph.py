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


def test_pairs_of_many_players_within_a_budget(capsys):
    assert graph("--budget", "100", "--json") == 0
    (edge,) = json.loads(capsys.readouterr().out)["edges"]
    assert edge["strength"] == pytest.approx(2.0)
    assert graph("--budget", "100") == 0
    assert "exact: every coalition of up to 2 players was measured" in capsys.readouterr().out
    for wrong in (["--exact"], ["--index", "STII"], ["--rows", "0:2"], ["--frame", "input"]):
        assert graph("--budget", "100", *wrong) != 0
        assert "--budget" in capsys.readouterr().err


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


def test_a_file_that_cannot_be_written_leaves_nothing(place, monkeypatch, capsys):
    (place / "taken.json").mkdir()
    assert graph("--out", "taken.json") == 2
    assert "taken.json: this is a folder" in capsys.readouterr().err
    (place / "full.json").write_text("before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    for arguments in (["--out", "full.json"], ["--plot", "full.png"]):
        assert graph(*arguments) == 2
        assert "No space left" in capsys.readouterr().err
    monkeypatch.undo()
    assert (place / "full.json").read_text() == "before"
    found = {path.name for path in place.iterdir()}
    assert not {name for name in found if "full" in name} - {"full.json"}, found


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


SIDES = """
import torch


def two(x):
    return torch.stack([x[:, 0] * x[:, 1], x[:, 2] + 3 * x[:, 0] * x[:, 1]], 1)


def other(x):
    return 2 * x[:, 0] * x[:, 1] + x[:, 2] ** 2


def narrow(x):
    return x @ torch.ones(2)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return self.w * x[:, 0] * x[:, 1]


one_net = Net()
"""


@pytest.fixture
def sides(place):
    (place / "nets_of_sides.py").write_text(SIDES)
    torch.save({"w": torch.tensor(5.0)}, place / "after.pt")
    torch.save({"w": torch.tensor(2.0)}, place / "before.pt")
    return place


def edge_of(path, *pair):
    return read_graph(path).edges[pair or ("a", "b")]


def test_two_models_on_the_same_rows(sides, capsys):
    call = ["--rows", "0:4", "--compare-model", "nets_of_sides:other", "--exact", "--out", "d.json"]
    assert graph(*call) == 0
    text = capsys.readouterr().out
    assert "nets_of_sides:other (4 inputs) minus nets_to_graph:table (4 inputs)" in text
    assert "same rows: exchanged in pairs" in text
    found = read_graph(sides / "d.json")
    products = [a * b for a, b, _ in ROWS]
    assert found.edges["a", "b"]["strength"] == pytest.approx(np.mean(products))
    assert found.graph["paired"] and found.graph["labels"] == ("nets_to_graph:table", "nets_of_sides:other")
    direct = ta.compare_graphs(
        *(
            ta.harsanyi(
                f,
                torch.tensor(ROWS, dtype=torch.float64),
                players=ta.Players.elements(torch.ones(1, 3), names="abc"),
            )
            for f in (
                lambda x: x[:, 0] * x[:, 1] + x[:, 2] ** 2 + 0.5 * x[:, 0] * x[:, 1] * x[:, 2],
                lambda x: 2 * x[:, 0] * x[:, 1] + x[:, 2] ** 2,
            )
        ),
        paired=True,
    )
    assert found.graph["p_value"] == direct.p_value and found.graph["distance"] == direct.distance


def test_two_classes_are_two_targets_of_the_same_rows(sides, capsys):
    common = ["graph", "--model", "nets_of_sides:two", "--data", "t.csv", "--rows", "0:3", "--target", "0"]
    assert main([*common, "--compare-target", "1", "--out", "d.json"]) == 0
    assert "target 1 (3 inputs) minus target 0 (3 inputs)" in capsys.readouterr().out
    assert edge_of(sides / "d.json")["strength"] == pytest.approx(2 * (2 - 0.5 + 1) / 3)
    assert main([*common, "--compare-target", "none", "--compare-model", "nets_of_sides:other"]) == 0
    assert "nets_of_sides:other, target none" in capsys.readouterr().out


def test_weights_before_and_after_of_one_module_stay_apart(sides, capsys):
    # the factory's name is a module itself: both sides are loaded into copies
    common = ["graph", "--model", "nets_of_sides:one_net", "--data", "t.csv"]
    assert main([*common, "--weights", "before.pt", "--compare-weights", "after.pt", "--out", "d.json"]) == 0
    edge = edge_of(sides / "d.json")
    assert (edge["a"], edge["b"]) == pytest.approx((4.0, 10.0))
    assert "after.pt (1 inputs) minus before.pt (1 inputs)" in capsys.readouterr().out
    assert main([*common, "--compare-weights", "after.pt", "--out", "d.json"]) == 0
    assert edge_of(sides / "d.json")["a"] == pytest.approx(2.0)


def test_other_rows_and_another_model_at_once_are_not_paired(sides):
    call = ["--rows", "0:2", "--compare", "2:4", "--compare-model", "nets_of_sides:other", "--out", "d.json"]
    assert graph(*call) == 0
    found = read_graph(sides / "d.json")
    assert not found.graph["paired"]
    assert found.graph["labels"] == ("rows 0:2, nets_to_graph:table", "rows 2:4, nets_of_sides:other")


def test_a_comparison_is_drawn_with_both_sides(sides):
    assert graph("--rows", "0:2", "--compare", "2:4", "--plot", "d.png") == 0
    assert graph("--plot", "one.png") == 0
    wide, narrow = (
        int.from_bytes((sides / name).read_bytes()[16:20], "big") for name in ("d.png", "one.png")
    )
    assert wide > 1.5 * narrow


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare-model", "nets_of_sides"], "--compare-model 'nets_of_sides' is neither"),
        (["--compare-model", "nets_of_sides:nothing"], "--compare-model nets_of_sides:nothing"),
        (["--compare-model", "nets_of_sides:narrow"], "does not run on a row of t.csv"),
        (["--compare-weights", "after.pt"], "--compare-weights needs an nn.Module"),
        (["--compare-model", "nets_of_sides:Net", "--compare-weights", "no.pt"], "--compare-weights no.pt"),
        (["--compare-target", "first"], "--compare-target 'first'"),
        (
            ["--compare-model", "nets_of_sides:two"],
            "the side of nets_of_sides:two: the model's output has shape",
        ),
        (
            ["--compare-model", "nets_of_sides:two", "--compare-target", "7"],
            "target 7: target 7 is out of range",
        ),
        (["--compare-model", "nets_to_graph:table"], "both sides are the same (rows 0:1)"),
        (["--compare", "0:1"], "both sides are the same"),
        (["--rows", "0:3", "--compare", "2:4"], "share rows, such as 2"),
        (["--compare-target", "1", "--top", "3"], "do not apply"),
    ],
)
def test_another_side_that_cannot_be_is_one_line_and_leaves_no_file(sides, arguments, message, capsys):
    before = set(sides.iterdir())
    assert graph(*arguments, "--out", "d.json") == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1, error
    assert {p for p in sides.iterdir() if p.name != "__pycache__"} == before - {sides / "__pycache__"}

"""``--out FOLDER``: many rows on the command line, a folder that goes on, and what goes with it."""

import json

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main
from taylorattr.effects.examples import same

ROWS = np.linspace(-1, 1, 40).reshape(10, 4)[:, :3]


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "many_net.py").write_text(
        "import torch\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))\n"
    )
    np.save(tmp_path / "x.npy", ROWS)
    np.save(tmp_path / "b.npy", ROWS + 0.5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def call(task, *more):
    return main([*task.split(), "--model", "many_net:make", "--data", "x.npy", "--target", "1", *more])


def test_all_rows_are_explained_into_a_folder_and_again_from_there(own, capsys):
    assert call("decompose --exact", "--out", "effects", "--batch-size", "4") == 0
    assert "10 examples" in capsys.readouterr().out
    stamp = (own / "effects" / "shard-000000.npz").stat().st_mtime_ns
    assert call("decompose --exact", "--out", "effects", "--json") == 0
    statistics = ta.Result.from_dict(json.loads(capsys.readouterr().out))
    assert statistics.count == 10 and (own / "effects" / "shard-000000.npz").stat().st_mtime_ns == stamp
    assert call("decompose --exact", "--out", "one.npz", "--rows", "7") == 0
    alone = ta.HarsanyiEffects.load(own / "one.npz")
    torch.testing.assert_close(
        ta.DatasetResult.open("effects")[7].values, alone.values, rtol=1e-12, atol=1e-14
    )
    assert call("decompose --exact --max-order 2", "--out", "effects") == 2
    assert "max_order is None there and 2 here" in capsys.readouterr().err


def test_every_task_has_its_folder(own, capsys):
    assert (
        call("attribute integrated_gradients", "--out", "scores", "--rows", "2:8", "--baseline", "b.npy") == 2
    )
    assert call("attribute integrated_gradients", "--out", "scores", "--baseline", "b.npy") == 0
    scores = ta.DatasetResult.open("scores")
    assert torch.equal(scores[9].baselines, torch.from_numpy(ROWS[9:] + 0.5).float())
    assert call("attribute deep_shap", "--out", "sets", "--references", "0:10") == 0
    assert ta.DatasetResult.open("sets")[0].baselines.shape == (10, 3)
    assert call("audit --method shapley", "--out", "audits", "--rows", "0:3") == 0
    assert (
        "3 examples" in capsys.readouterr().out and ta.DatasetResult.open("audits").concat().exit_status == 0
    )
    assert call("graph --exact --top 3", "--out", "graph", "--plot", "g.png") == 0
    graph = ta.graphs.read_graph(own / "graph" / "graph.json")
    expected = ta.DatasetResult.open("graph").interaction_graph(top=3)
    assert graph.number_of_edges() == expected.number_of_edges() > 0 and (own / "g.png").exists()
    assert call("graph --exact --top 3", "--out", "graph") == 0


@pytest.mark.parametrize("more", [["--workers", "2"], ["--engine", "ray"], ["--batch-size", "3"]])
def test_what_needs_a_folder_says_so(own, capsys, more):
    assert call("decompose", "--out", "e.npz", *more) == 2
    assert "goes with --out FOLDER" in capsys.readouterr().err
    assert call("decompose --exact", "--out", "e", "--checkpoint", "c") == 2
    assert "leave --checkpoint out" in capsys.readouterr().err


@pytest.mark.slow
def test_workers_of_the_command_line(own, capsys):
    assert call("decompose --exact", "--out", "alone", "--batch-size", "4") == 0
    assert call("decompose --exact", "--out", "two", "--batch-size", "4", "--workers", "2") == 0
    assert same(ta.DatasetResult.open("alone").concat(), ta.DatasetResult.open("two").concat())

"""``taylorattr decompose`` on a user's own model, and how it answers a wrong call."""

import json

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_net.py").write_text(
        "import torch\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))\n"
    )
    np.save(tmp_path / "x.npy", np.array([[0.1, 0.2, -0.3], [0.5, 0.1, 0.2]]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_decompose_of_an_own_model(own, capsys):
    call = ["decompose", "--model", "own_net:make", "--data", "x.npy", "--target", "1", "--rows", "0:2"]
    assert main([*call, "--out", "e.npz", "--plot", "e.png", "--order", "4"]) == 0
    assert "converged" in capsys.readouterr().out
    effects = ta.TaylorEffects.load(own / "e.npz")
    assert effects.values.shape == (2, 34)
    assert (own / "e.png").read_bytes().startswith(b"\x89PNG")
    assert main([*call, "--exact", "--json"]) == 0
    exact = ta.HarsanyiEffects.from_dict(json.loads(capsys.readouterr().out))
    assert torch.allclose(exact.total, exact.delta)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--target", "7"], "target 7 is out of range"),
        (["--target", "x"], "is not of the form 3 or 0,2"),
        (["--players", "hexagons"], "is not elements, columns, grid"),
        (["--order", "0"], "order=0"),
        (["--max-order", "2"], "go with --exact"),
        (["--out", "e.txt"], "saved as .json, .npz or .html"),
        (["--rows", "9"], "selects none of the 2 rows"),
        (["--device", "warp"], "--device warp"),
        (["--num-threads", "0"], "expected at least 1"),
        (["--data", "sklearn:iris"], "does not run on a row of sklearn:iris, (1, 4)"),
        (["--out", "absent/e.json"], "there is no folder absent"),
        (["--plot", "absent/e.png"], "there is no folder absent"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(own, capsys, change, message):
    call = ["decompose", "--model", "own_net:make", "--data", "x.npy", "--target", "1", *change]
    assert main(call) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error


def test_a_model_that_fails_on_the_data_is_one_line_and_status_2(own, capsys):
    np.save(own / "wide.npy", np.zeros((1, 5)))
    assert main(["decompose", "--model", "own_net:make", "--data", "wide.npy", "--target", "1"]) == 2
    error = capsys.readouterr().err.strip()
    assert "mat1 and mat2" in error
    assert "(1, 5)" in error
    assert "\n" not in error


def test_players_from_a_json_file_of_columns(tmp_path, own, capsys):
    (tmp_path / "t.csv").write_text("a,b,c\n0.1,0.2,-0.3\n")
    (tmp_path / "p.json").write_text(json.dumps({"front": ["a", 1], "back": ["c"]}))
    call = ["decompose", "--model", "own_net:make", "--data", "t.csv", "--target", "1", "--players", "p.json"]
    assert main([*call, "--json"]) == 0
    effects = ta.TaylorEffects.from_dict(json.loads(capsys.readouterr().out))
    assert effects.names == ("front", "back")


def test_help_reads_like_documentation(capsys):
    for command in ([], ["demo"], ["decompose"]):
        with pytest.raises(SystemExit) as stop:
            main([*command, "--help"])
        assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "interaction" in text

"""The main job, and the same on a user's own model: run as a user runs them."""

import json
import re

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import demo, main
from taylorattr.cli.breast_cancer import study


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("builtins.print", lambda *parts, **_: lines.append(" ".join(map(str, parts))))
        status = main(["demo", "--out", str(folder)])
    return status, "\n".join(lines), folder


def test_two_computations_agree(shown):
    status, text, _ = shown
    assert status == 0
    gaps = [float(gap) for gap in re.findall(r"(\S+) agree", text)]
    assert len(gaps) == 2
    assert max(gaps) <= 1e-9
    assert "DISAGREE" not in text


def test_the_network_is_accurate_and_the_remainder_small(shown):
    _, text, folder = shown
    assert float(re.search(r"Test accuracy: ([\d.]+)%", text)[1]) > 90
    saved = json.loads((folder / "effects.json").read_text())
    groups = ta.TaylorEffects.from_dict(saved["measurements"])
    assert bool(groups.converged[0])
    assert float(groups.remainder_share[0]) <= 0.02
    assert groups.names[0] == "radius"
    assert len(groups.names) == 10


def test_everything_adds_up(shown):
    _, _, folder = shown
    saved = json.loads((folder / "effects.json").read_text())
    features = ta.TaylorEffects.from_dict(saved["features"])
    groups = ta.TaylorEffects.from_dict(saved["measurements"])
    exact = ta.HarsanyiEffects.from_dict(saved["exact"])
    delta = float(exact.delta[0])
    assert float(features.values.sum() + features.remainder[0]) == pytest.approx(delta, rel=1e-12)
    assert float(groups.values.sum() + groups.tails.total[0]) == pytest.approx(delta, rel=1e-12)
    assert float(exact.total[0]) == pytest.approx(delta, rel=1e-12)
    assert torch.allclose(features.by_order, groups.by_order, rtol=1e-9)


def test_a_case_that_the_series_does_not_reach_is_said(shown):
    _, text, _ = shown
    assert re.search(r"Where a series does not help.*does not converge", text, re.S)


def test_the_picture_is_a_png(shown):
    _, _, folder = shown
    assert (folder / "effects.png").read_bytes().startswith(b"\x89PNG")


def test_it_ends_with_a_page_and_says_where_it_lies(shown):
    _, text, folder = shown
    page = folder / "report.html"
    assert text.splitlines()[-1].startswith(f"Report: {page}")
    content = page.read_text(encoding="utf-8")
    assert "against the average training case" in content
    for section in ("delta", "graph", "effects", "methods", "reformulations"):
        assert f'<section id="{section}"' in content


def test_a_disagreement_is_an_exit_status(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(demo, "differences", lambda *_: (1e-3, 0.0))
    assert main(["demo", "--out", str(tmp_path)]) == 1
    assert "DISAGREE" in capsys.readouterr().out


def test_training_is_seeded():
    first, second = study(3), study(3)
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)


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

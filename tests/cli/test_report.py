"""``taylorattr report`` as a user runs it."""

import json

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.cli import main
from tests.plot.results import attribution, harsanyi, taylor

MODEL = """
import torch


def table(x):
    return x[:, 0] * x[:, 1] + x[:, 2] ** 2


def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
"""

TABLE = ("--model", "nets_to_report:table", "--data", "t.csv")


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "nets_to_report.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.savetxt("t.csv", [[1, 2, 3], [0.5, -1, 2]], delimiter=",", header="a,b,<c>", comments="")
    return tmp_path


def sections(path):
    text = path.read_text(encoding="utf-8")
    return {name for name in ("delta", "graph", "methods", "reformulations", "audit", "criteria")
            if f'<section id="{name}"' in text}  # fmt: skip


def test_saved_results_become_a_page(place, capsys):
    taylor(3, 2).save("series.npz")
    harsanyi(3).save("exact.json")
    attribution(3).save("scores.json")
    ta.check("shapley").save("paper.json")
    saved = ["series.npz", "exact.json", "scores.json", "paper.json"]
    assert main(["report", *saved, "--title", "Four <b>"]) == 0
    assert "report.html" in capsys.readouterr().out
    assert sections(place / "report.html") == {"delta", "graph", "methods", "criteria"}
    assert "<title>Four &lt;b&gt;</title>" in (place / "report.html").read_text(encoding="utf-8")


def test_a_model_and_data_become_a_page(place, capsys):
    call = ["report", "--model", "nets_to_report:net", "--data", "t.csv", "--target", "1", "--rows", "0:2"]
    assert main([*call, "--out", "p.html", "--audit", "shapley", "--examples", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["report"] == "p.html"
    kinds = [result["type"] for result in said["results"]]
    assert kinds == ["TaylorEffects", "HarsanyiEffects", *["Attribution"] * 4, "AuditReport"]
    assert sections(place / "p.html") == {"delta", "graph", "methods", "audit"}
    text = (place / "p.html").read_text(encoding="utf-8")
    assert "&lt;c&gt;" in text and "Sequential, 26 parameters" in text
    assert "2 in the results; on this page: 1" in text
    assert "<dt>target</dt><dd><bdi>1</bdi>" in text


def test_sums_of_effects_and_a_choice_of_methods(place):
    call = ["report", "--model", "nets_to_report:net", "--data", "t.csv", "--target", "0", "--out", "p.html"]
    assert main([*call, "--effects", "exact", "--methods", "shapley, expected_gradients", "--sums"]) == 0
    assert sections(place / "p.html") == {"delta", "graph", "methods", "reformulations"}
    assert main([*call, "--methods", "none", "--effects", "taylor"]) == 0
    assert sections(place / "p.html") == {"delta", "graph"}


def test_other_subcommands_write_pages(place):
    call = ["--model", "nets_to_report:table", "--data", "t.csv", "--out"]
    assert main(["audit", "--method", "shapley", *call, "audit.html"]) == 0
    assert sections(place / "audit.html") == {"audit"}
    assert main(["attribute", "shapley", *call, "scores.html"]) == 0
    assert sections(place / "scores.html") == {"delta", "methods"}
    assert main(["decompose", *call, "effects.html", "--exact"]) == 0
    assert sections(place / "effects.html") == {"delta", "graph"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ([], "there is nothing to report"),
        (["--model", "nets_to_report:net"], "--model and --data go together"),
        (["--data", "t.csv"], "--model and --data go together"),
        (["absent.npz"], "absent.npz"),
        (["t.csv"], "results are kept as .npz or .json"),
        (["broken.json"], "it is damaged or was written by another program"),
        (["s.json", "--out", "page.pdf"], "a report is written as .html"),
        (["s.json", "--out", "absent/page.html"], "there is no folder absent"),
        (["s.json", "--examples", "first"], "is not of the form 0,3"),
        (["s.json", "--examples", "5"], "give one or more of 0 … 0"),
        (["s.json", "--max-effects", "0"], "at least 1"),
        ([*TABLE, "--methods", "shapely"], "did you mean 'shapley'"),
        ([*TABLE, "--audit", "shapely"], "did you mean 'shapley'"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_one_line_and_status_2(place, capsys, call, message):
    (place / "broken.json").write_text('{"format": ')
    attribution(2).save("s.json")
    assert main(["report", *call]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not list(place.glob("*.html"))

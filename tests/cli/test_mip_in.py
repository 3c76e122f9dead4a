"""``taylorattr mip-in fit`` and ``attribute`` as a user runs them."""

import json

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main

MODEL = """
import torch
from torch import nn


def make(seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.2)
    return model.eval()


def other():
    return make(1)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "nets_to_invert.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def digits(action, *arguments, model="make"):
    return main(
        ["mip-in", action, *arguments, "--model", f"nets_to_invert:{model}", "--data", "sklearn:digits"]
    )


def test_it_fits_reports_saves_and_reads(place, capsys):
    assert digits("fit", "--rows", "0:200", "--report", "200:300", "--out", "f.npz", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 200
    assert list(found["layer_errors"]) == ["1", "3"]
    report = ta.Result.from_dict(found["report"])
    assert report.samples == 100
    settings = ("--rows", "300:302", "--target", "3", "--read", "contrast")
    assert digits("attribute", "f.npz", *settings, "--json", "--out", "a.npz") == 0
    shown = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    from nets_to_invert import make
    from sklearn.datasets import load_digits

    x = torch.from_numpy(load_digits().images[:, None] / 16).float()
    expected = ta.MIPIN(make()).fit(x[:200]).contrast(x[300:302], 3)
    torch.testing.assert_close(shown.player_scores.float(), expected.flatten(1))
    assert torch.equal(ta.Attribution.load("a.npz").player_scores, shown.player_scores)
    assert digits("fit", "--rows", "0:200", "--report", "200:300", "--out", "f.npz") == 0
    text = capsys.readouterr().out
    assert "inverses fitted to 200 examples" in text and "complete: " in text
    assert digits("attribute", "f.npz", "--target", "3", "--top", "1") == 0
    assert "Attribution by mip_in: 64 players" in capsys.readouterr().out


def test_options_reach_the_library(place, capsys):
    options = "--top softmax --global --bias --ridge 0.1 --max-samples 50 --seed 3 --layer 2".split()
    assert digits("fit", *options, "--out", "f.npz") == 0
    from nets_to_invert import make

    mip = ta.MIPIN.load("f.npz", make())
    assert (mip.top, mip.local, mip.bias, mip.ridge) == ("softmax", False, True, 0.1)
    assert (mip.max_samples, mip.samples, mip.seed, mip.layer) == (50, 50, 3, "2")
    assert list(mip.layer_errors) == ["3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "--out", "f.json"), "saved as .npz"),
        (("fit", "--out", "f.npz", "--rows", "0:1"), "1 example"),
        (("fit", "--out", "f.npz", "--layer", "9"), "no layer '9'"),
        (("fit", "--out", "nowhere/f.npz"), "no folder nowhere"),
        (("fit", "--out", "f.npz", "--report", "5000:"), "--report 5000: selects none"),
        (("attribute", "missing.npz", "--target", "3"), "missing.npz"),
        (("attribute", "f.json", "--target", "3"), "kept as .npz"),
    ],
)
def test_wrong_calls_are_answered_in_one_line(place, capsys, arguments, message):
    assert digits(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said.splitlines()[-1]


def test_another_model_is_refused(place, capsys):
    assert digits("fit", "--rows", "0:50", "--out", "f.npz") == 0
    assert digits("attribute", "f.npz", "--target", "3", model="other") == 2
    assert "fitted to another model" in capsys.readouterr().err


def test_several_arrays_are_refused(place, capsys):
    np.savez(place / "two.npz", a=np.zeros((3, 64)), b=np.zeros((3, 2)))
    call = ["mip-in", "fit", "--model", "nets_to_invert:make", "--data", "two.npz", "--out", "f.npz"]
    assert main(call) == 2
    assert "holds 2 arrays" in capsys.readouterr().err

"""The main job, run as a user runs it who has the wheel and no clone."""

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main
from taylorattr.demo import one_prediction
from taylorattr.demo.breast_cancer import study

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder that an installation of the wheel makes; the builder needs no network."""
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    folder = tmp_path_factory.mktemp("wheel")
    (archive,) = builder.build(directory=str(folder), versions=["standard"])
    zipfile.ZipFile(archive).extractall(folder / "site-packages")
    return folder / "site-packages"


@pytest.fixture(scope="module")
def demo(wheel, tmp_path_factory):
    """Status, text and files of ``taylorattr demo`` without arguments."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("anywhere")
    done = subprocess.run(
        [sys.executable, "-m", "taylorattr", "demo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(wheel), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout, folder / "taylorattr-demo"


def test_the_wheel_holds_the_package_alone(wheel):
    assert {path.name for path in wheel.iterdir()} - {"taylorattr"} == {
        f"taylorattr-{ta.__version__}.dist-info"
    }


def test_two_computations_agree(demo):
    status, text, _ = demo
    assert status == 0
    differences = [float(number) for number in re.findall(r"(\S+) agree", text)]
    assert len(differences) == 2
    assert max(differences) <= 1e-9
    assert "DISAGREE" not in text


def test_the_network_is_accurate_and_the_remainder_small(demo):
    _, text, folder = demo
    assert float(re.search(r"Test accuracy: ([\d.]+)%", text)[1]) > 90
    saved = json.loads((folder / "effects.json").read_text())
    groups = ta.TaylorEffects.from_dict(saved["measurements"])
    assert bool(groups.converged[0])
    assert float(groups.remainder_share[0]) <= 0.02
    assert groups.names[0] == "radius"
    assert len(groups.names) == 10


def test_everything_adds_up(demo):
    _, _, folder = demo
    saved = json.loads((folder / "effects.json").read_text())
    features = ta.TaylorEffects.from_dict(saved["features"])
    groups = ta.TaylorEffects.from_dict(saved["measurements"])
    exact = ta.HarsanyiEffects.from_dict(saved["exact"])
    delta = float(exact.delta[0])
    assert float(features.values.sum() + features.remainder[0]) == pytest.approx(delta, rel=1e-12)
    assert float(groups.values.sum() + groups.tails.total[0]) == pytest.approx(delta, rel=1e-12)
    assert float(exact.total[0]) == pytest.approx(delta, rel=1e-12)
    assert torch.allclose(features.by_order, groups.by_order, rtol=1e-9)


def test_a_case_that_the_series_does_not_reach_is_said(demo):
    _, text, _ = demo
    assert re.search(r"Where a series does not help.*does not converge", text, re.S)


def test_the_picture_is_a_png(demo):
    _, _, folder = demo
    assert (folder / "effects.png").read_bytes().startswith(b"\x89PNG")


def test_it_ends_with_a_page_and_says_where_it_lies(demo):
    _, text, folder = demo
    assert text.splitlines()[-1].startswith("Report: taylorattr-demo/report.html")
    content = (folder / "report.html").read_text(encoding="utf-8")
    assert "against the average training case" in content
    for section in ("delta", "graph", "effects", "methods", "reformulations"):
        assert f'<section id="{section}"' in content


def test_a_disagreement_is_an_exit_status(monkeypatch, tmp_path, capsys):
    measurements = SimpleNamespace(to_dict=dict)
    for disagreements, status in (((1e-3, 0.0), 1), ((0.0, 1e-3), 1), ((0.0, 1e-12), 0)):
        explanation = one_prediction.Explanation(None, 0, 0, None, measurements, None, disagreements, [])
        monkeypatch.setattr(one_prediction, "explain", lambda *_, found=explanation: found)
        monkeypatch.setattr(one_prediction, "write_files", lambda *_: None)
        assert main(["demo", "--json", "--out", str(tmp_path)]) == status
    capsys.readouterr()
    off = SimpleNamespace(difference=1e-3, reformulation=SimpleNamespace(errors={"rounding": 0.0}))
    assert not replace(explanation, methods=[off]).agrees
    assert "DISAGREE" in one_prediction._agreement(1e-3, 0.0)


def test_training_is_seeded():
    first, second = study(3), study(3)
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)

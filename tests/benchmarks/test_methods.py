"""The comparison of methods: what its folder keeps, what a row says, that it runs with every method."""

import math

import pytest
import torch

import taylorattr as ta
from benchmarks import methods
from benchmarks.attributions import ENTRIES
from taylorattr import evaluation
from tests import digits


def small_study(folder):
    """A study without its networks: only the folder."""
    study = methods.Study.__new__(methods.Study)
    study.folder = folder
    return study


def classes(seed=0):
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(seed))
    return evaluation.class_sensitivity(lambda rows: rows[:, :3], x, lambda rows, c: rows * c[:, None])


def test_what_was_measured_is_read_again_and_what_was_refused_is_not_tried_again(tmp_path):
    study, calls = small_study(tmp_path), []

    def measure():
        calls.append(1)
        return classes()

    first, again = study.kept("some", measure), study.kept("some", measure)
    assert len(calls) == 1 and torch.equal(first.raw, again.raw)

    def refuse():
        calls.append(1)
        raise ta.errors.OptionError("no convolution")

    assert study.kept("none", refuse) is None and study.kept("none", refuse) is None and len(calls) == 2
    assert (tmp_path / "none.refused").read_text(encoding="utf-8") == "no convolution"
    assert study.seconds("some", lambda: calls.append(1)) == study.seconds("some", lambda: calls.append(1))
    assert len(calls) == 3


def test_cells_have_intervals_or_a_dash():
    found = classes()
    low, high = found.interval("raw", samples=2000)
    assert methods.with_interval(found, "raw") == f"{found.mean('raw'):.3f} [{low:.3f}, {high:.3f}]"
    assert methods.with_interval(None, "raw") == "–"
    assert methods.criteria(None)[0] == "–" and math.isnan(methods.criteria(None)[1])


def test_every_method_of_the_package_is_compared_and_runs():
    assert set(ta.METHODS) | {"prune_grad", "mip_in", "random"} <= set(ENTRIES)
    train, held_out = digits.split()
    net, x = digits.cnn(), held_out.images[:2]
    for name, entry in ENTRIES.items():
        if not name.startswith("mip_in"):  # fitted for seconds
            maps, _ = evaluation.method_maps.method_map(entry.make(net, train.images), x, net(x).argmax(1))
            assert maps.shape == (2, 8, 8), name


def test_the_figure_and_the_correlation(tmp_path):
    net, x = digits.cnn(), digits.split()[1].images[:4]
    standings = [
        methods.Standing(name, count, evaluation.pixel_perturbation(net, x, maps, fill="zero", steps=2))
        for name, count, maps in (("a", 0, x), ("b", 1, -x), ("c", 3, x * x), ("random", 0, x[:, 0] * 0))
    ]
    assert methods.correlation(standings).methods == ("a", "b", "c")
    assert methods.correlation(standings[:2]) is None
    methods.figure({"cnn": standings}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_whole_command_on_two_methods(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(methods, "IMAGES", 20)
    monkeypatch.setattr(methods, "PASTED_EPOCHS", 1)
    monkeypatch.setattr(methods, "EPOCHS_OF_LABELS", 2)
    arguments = ["--folder", str(tmp_path), "--only", "gradient", "--only", "gradient_x_input"]
    assert methods.main(arguments) == 0
    first = capsys.readouterr().out
    assert "### mlp" in first and "| gradient_x_input |" in first and "principles" in first
    assert methods.main(arguments) == 0
    assert capsys.readouterr().out == first  # all of it read again

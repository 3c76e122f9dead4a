"""Every method on two trained networks, through the command line, as a user runs it."""

from pathlib import Path

import pytest

import taylorattr as ta
from taylorattr.cli import main

pytest.importorskip("sklearn")

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = "--model", "taylorattr.demo.breast_cancer:network", "--data", "sklearn:breast_cancer", "--standardize"
DIGITS = "--model", "digits_cnn:make", "--data", "sklearn:digits", "--target", "4"
FOUR = "--rows", "100:104"

COMPLETE = {"shapley", "deeplift_rescale", "deeplift_reveal_cancel", "deep_shap"}
"""Scores that add up to f(x) − f(b) whatever the network is."""

CONSERVING = {"lrp_epsilon", "lrp_alpha_beta", "deep_taylor"}
"""Scores that add up to f(x) less the shares named in the balance."""

ROUNDING = 1e-9
"""Of Σ|scores|, in float64: a thousand roundings per score, enlarged by the scores' cancelling."""


@pytest.fixture
def in_examples(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))  # undone with what the command line prepends
    monkeypatch.chdir(EXAMPLES)


def run(name, model, path, *options):
    balance = ("--set", "balance=True") if name in CONSERVING else ()
    out = path / f"{name}.npz"
    status = main(
        ["attribute", name, *model, *FOUR, "--dtype", "float64", "--out", str(out), *balance, *options]
    )
    assert status == 0
    return ta.Result.load(out)


def keeps_its_promise(name, result, integral):
    assert result.batch == 4 and result.method == name
    silent = (result.player_scores == 0).all(1).nonzero().ravel().tolist()
    assert silent == result.diagnostics.get("nothing_shared", [])
    if name in COMPLETE:
        assert result.relative_gap.max() <= ROUNDING
    if name == "integrated_gradients":
        assert result.relative_gap.max() <= integral
    if name == "expected_gradients":  # complete in the mean over its draws
        assert (result.gap.abs() <= 5 * result.standard_errors.sum(1)).all()
    if name in CONSERVING:
        for example, shares in enumerate(result.diagnostics["shares"]):
            left = result.conservation[example] - sum(shares.values())
            assert left.abs() <= ROUNDING * result.player_scores[example].abs().sum(), shares
        assert "remainders" not in result.diagnostics


@pytest.mark.parametrize("name", sorted(set(ta.METHODS) - {"grad_cam"}))
def test_fourteen_methods_on_the_breast_cancer_network(name, tmp_path, capsys):
    result = run(name, TABLE, tmp_path)
    assert result.n == 30 and "worst radius" in result.names
    keeps_its_promise(name, result, 1e-6)  # smooth: where the nodes stop of themselves
    assert f"Attribution by {name}: 30 players" in capsys.readouterr().out


def test_grad_cam_refuses_a_network_without_a_spatial_layer(capsys):
    assert main(["attribute", "grad_cam", *TABLE]) == 2
    error = capsys.readouterr().err
    assert "no convolution" in error and "layer=" in error and error.count("\n") == 1


@pytest.mark.parametrize("name", sorted(ta.METHODS))
def test_fifteen_methods_on_the_digits_network(name, tmp_path, capsys, in_examples):
    result = run(name, DIGITS, tmp_path)
    assert result.scores.shape == (4, 1, 8, 8)
    keeps_its_promise(name, result, 1e-2)  # kinks: above that the method warns
    assert f"Attribution by {name}: " in capsys.readouterr().out


def test_the_registry_has_the_fifteen():
    assert len(ta.METHODS) == 15 and COMPLETE | CONSERVING <= set(ta.METHODS)


def test_the_digits_network_reads_digits(in_examples):
    import digits_cnn

    network = digits_cnn.make()
    assert digits_cnn.make() is network
    assert digits_cnn.accuracy(network) >= 0.95

"""``taylorattr attribute`` as a user runs it."""

import json

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main
from taylorattr.cli.method_arguments import option

MODEL = """
import torch
from torch import nn


def make():
    generator = torch.Generator().manual_seed(0)
    features = nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()
    model = nn.Sequential(*features, nn.Flatten(), nn.Linear(144, 10))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.2)
    return model.eval()


def table(x):
    return x[:, 0] * x[:, 1] + x[:, 2] ** 2
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "nets_to_attribute.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def on_table(place, *arguments):
    np.savetxt(place / "t.csv", [[1, 2, 3], [0.5, -1, 2]], delimiter=",", header="a,b,c", comments="")
    return main(
        ["attribute", *arguments, "--model", "nets_to_attribute:table", "--data", "t.csv", "--rows", "0:2"]
    )


def test_systems_and_extensions_run_by_either_way_of_naming_them(place, capsys):
    shared = ["--model", "nets_to_attribute:make", "--data", "sklearn:digits", "--rows", "0:2"]
    image = [*shared, "--target", "3"]
    assert main(["attribute", "--method", "prune_grad", *image, "--set", "sparsity=0.8", "--top", "2"]) == 0
    text = capsys.readouterr().out
    assert "Attribution by prune_grad" in text and "sparsity: 0.8 asked" in text and "kept by layer" in text
    assert main(["attribute", "prune_grad", *image, "--set", "sparsity=0.8", "--json"]) == 0
    shown = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    assert shown.diagnostics["pruning"].sparsity == 0.8
    patches = ["--players", "grid:2x2"]
    assert main(["attribute", "ig_patch_multi", *image, *patches, "--references", "0:4"]) == 0
    assert "±" in capsys.readouterr().out
    assert main(["attribute", *image]) == 2
    assert main(["attribute", "shapley", "--method", "shapley", *image]) == 2
    assert capsys.readouterr().err.count("expected one METHOD") == 2
    assert main(["attribute", "prune_grad", *image, "--set", "sparsity=1"]) == 2
    assert "at least 0 and below 1" in capsys.readouterr().err


def test_it_prints_what_the_library_gives(place, capsys):
    assert on_table(place, "integrated_gradients", "--set", "n_steps=2", "--json") == 0
    shown = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    x = torch.tensor([[1, 2, 3], [0.5, -1, 2]]).double()
    direct = ta.attribute("integrated_gradients", lambda z: z[:, 0] * z[:, 1] + z[:, 2] ** 2, x, n_steps=2)
    assert shown.names == ("a", "b", "c")
    torch.testing.assert_close(shown.player_scores, direct.player_scores)
    assert on_table(place, "gradient_x_input", "--top", "1") == 0
    text = capsys.readouterr().out
    assert (
        "Attribution by gradient_x_input: 3 players" in text and "c  +18" in text and "\n    b " not in text
    )


def test_it_saves(place, capsys):
    assert on_table(place, "smooth_grad", "--set", "n_samples=4", "--seed", "5", "--out", "scores.npz") == 0
    saved = ta.Result.load(place / "scores.npz")
    assert saved.method == "smooth_grad" and saved.diagnostics["seed"] == 5
    assert " ± " in capsys.readouterr().out


def test_reference_sets_come_from_rows_or_files(place, capsys):
    assert on_table(place, "expected_gradients", "--set", "mode=full", "--json") == 0
    assert json.loads(capsys.readouterr().out)["fields"]["diagnostics"]["dict"]["references"] == 2
    np.save(place / "r.npy", np.zeros((5, 3), dtype=np.float32))
    assert on_table(place, "expected_gradients", "--references", "r.npy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["fields"]["diagnostics"]["dict"]["references"] == 5
    assert on_table(place, "integrated_gradients", "--references", "0:1", "--json") == 0
    averaged = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    assert not averaged.player_scores[0].any()  # the first row explained against itself


@pytest.mark.parametrize(
    "method", ["gradient_x_input", "integrated_gradients", "smooth_grad", "expected_gradients", "grad_cam"]
)
def test_gradient_methods_run_on_digits(place, capsys, method):
    pytest.importorskip("sklearn")
    status = main(
        [
            "attribute",
            method,
            "--model",
            "nets_to_attribute:make",
            "--data",
            "sklearn:digits",
            "--target",
            "3",
        ]
    )
    assert status == 0, capsys.readouterr().err
    assert f"Attribution by {method}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("integrated_gradient",), "did you mean 'integrated_gradients'"),
        (("smooth_grad", "--set", "sigma=1"), "its options: n_samples=50"),
        (("smooth_grad", "--set", "sigma"), "n_steps=64"),
        (("gradient_x_input", "--out", "x.txt"), "saved as .json, .npz or .html"),
        (("grad_cam",), "no convolution"),
        (("integrated_gradients", "--baseline", "mean", "--references", "0:2"), "both given"),
        (("expected_gradients", "--baseline", "mean", "--references", "0:2"), "not both"),
        (("expected_gradients", "--references", "none.csv"), "--references none.csv: there is no such file"),
        (("expected_gradients", "--references", "7:9"), "--references 7:9 selects none of the 2 rows"),
        (("shapley", "--baseline", "none.npy"), "--baseline none.npy: there is no such file"),
        (("shapley", "--top", "-1"), "--top -1: expected 0 or more"),
        (("shapley", "--players", "grid:2x2"), "patches need x of shape"),
        (("lrp_epsilon", "--set", "epsilon=tiny"), "lrp_epsilon: epsilon='tiny'; expected a number"),
    ],
)
def test_a_wrong_call_says_in_one_line_how_to_mend_it(place, capsys, arguments, message):
    assert on_table(place, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--seed", "x"), "argument --seed: invalid int value: 'x'"),
        (("--dtype", "float16"), "argument --dtype: invalid choice: 'float16'"),
        (("--frame", "input"), "unrecognized arguments: --frame input"),
    ],
)
def test_a_call_the_parser_refuses_is_one_line_too(place, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        on_table(place, "shapley", *arguments)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and message in error and error.count("\n") == 1 and "--help" in error


@pytest.mark.parametrize("layer", ["0", "2"])
def test_a_layer_may_be_called_by_a_number(place, capsys, layer):
    pytest.importorskip("sklearn")
    status = main(
        ["attribute", "grad_cam", "--model", "nets_to_attribute:make", "--data", "sklearn:digits", "--target",
         "3", "--set", f"layer={layer}", "--json"]
    )  # fmt: skip
    assert status == 0
    shown = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    assert shown.diagnostics["layer"] == layer and shown.names[0] == f"{layer}[0,0]"


def test_names_and_groups_of_columns(place, capsys):
    (place / "g.json").write_text('{"both": ["a", "c"], "rest": [1]}')
    assert on_table(place, "shapley", "--players", "g.json", "--json") == 0
    assert ta.Attribution.from_dict(json.loads(capsys.readouterr().out)).names == ("both", "rest")
    (place / "n.txt").write_text("")
    assert on_table(place, "shapley", "--names", "n.txt") == 2
    assert "0 names for 3 players" in capsys.readouterr().err


def test_option_values_are_literals_or_words():
    read = [
        option(s, ta.METHODS["grad_cam"])
        for s in (
            "n_steps=64",
            "rule=left",
            "relu=False",
            "tol=1e-3",
            "layer=features.2",
            "a=[1, 2]",
            "layer=2.10",
        )
    ]
    assert read == [
        ("n_steps", 64), ("rule", "left"), ("relu", False), ("tol", 1e-3),
        ("layer", "features.2"), ("a", [1, 2]), ("layer", "2.10"),
    ]  # fmt: skip

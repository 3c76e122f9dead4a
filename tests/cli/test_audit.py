"""``taylorattr audit`` as a user runs it."""

import json

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.cli import main

MODEL = """
import torch


def table(x):
    return x[:, 0] * x[:, 1] + x[:, 2] ** 2


def without_gradient(x):
    return torch.from_numpy(x.detach().numpy().sum(1) ** 2)


def still(x):
    return x[:, 0] * 0 + 1


def gradient_times_input(model, inputs, baselines, target):
    x = inputs.detach().requires_grad_()
    return torch.autograd.grad(model(x).sum(), x)[0] * inputs


def half(model, inputs, baselines, target, share=0.5):
    values = model(inputs)[:, None]
    return torch.cat([values * share, values * (1 - share), values * 0], dim=1)


def of_rows(rows):
    return rows


def falling(model, inputs, baselines, target):
    return inputs.nothing()


def maker(model, baselines, target):
    import taylorattr as ta

    return lambda rows: ta.attribute("shapley", model, rows, baselines).scores
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "nets_to_audit.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.savetxt("t.csv", [[1, 2, 3], [0.5, -1, 2]], delimiter=",", header="a,b,c", comments="")


def audited(method, *arguments, model="nets_to_audit:table"):
    return main(["audit", "--method", method, "--model", model, "--data", "t.csv", *arguments])


@pytest.mark.parametrize(
    ("method", "arguments", "status"),
    [
        ("shapley", [], 0),
        ("integrated_gradients", ["--set", "n_steps=8"], 0),
        ("nets_to_audit:maker", [], 0),
        ("occlusion_1", [], 1),
        ("nets_to_audit:gradient_times_input", ["--baseline", "0.3"], 1),
        ("nets_to_audit:half", ["--set", "share=0.25"], 1),
        ("deep_shap", ["--references", "0:2"], 0),
    ],
)
def test_the_status_says_what_was_found(place, capsys, method, arguments, status):
    assert audited(method, *arguments) == status
    text = capsys.readouterr().out
    assert text.startswith("Audit of") and ("✗" in text) == (status == 1)


def test_undecided_is_three(place, capsys):
    assert audited("shapley", model="nets_to_audit:still") == 3
    assert "nothing to audit" in capsys.readouterr().out


def test_json_and_files_hold_the_whole_report(place, capsys):
    assert audited("shapley", "--json", "--out", "r.json", "--rows", "0:2") == 0
    shown = ta.AuditReport.from_dict(json.loads(capsys.readouterr().out))
    assert shown.names == ("a", "b", "c") and shown.batch == 2
    assert repr(ta.AuditReport.load("r.json")) == repr(shown)


@pytest.mark.parametrize(
    ("method", "arguments", "said"),
    [
        ("shaply", [], "did you mean 'shapley'"),
        ("nets_to_audit:nothing", [], "no attribute 'nothing'"),
        ("nolibrary:Method", [], "libraries with ready methods: captum, shap, shapiq, zennit"),
        ("shapley", ["--tol", "2"], "tol"),
        ("shapley", ["--references", "0:2"], "reads no reference set"),
        ("shapley", ["--set", "orders=3"], "no option 'orders'"),
        ("shapley", ["--beside", "shaply"], "did you mean 'shapley'"),
        (
            "nets_to_audit:falling",
            [],
            "raised AttributeError: 'Tensor' object has no attribute 'nothing' (nets",
        ),
        ("nets_to_audit:of_rows", [], "takes (rows); expected (model, inputs, baselines, target), which"),
        ("grad_cam", [], "audit it on the head"),
        ("shapley", ["--out", "r.txt"], ".json, .npz or .html"),
    ],
)
def test_wrong_calls_are_two_and_one_line(place, capsys, method, arguments, said):
    assert audited(method, *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error


@pytest.mark.parametrize(
    ("method", "arguments", "status"),
    [
        ("captum:IntegratedGradients", [], 0),
        ("captum:FeatureAblation", [], 1),
        ("captum:ShapleyValues", [], 0),
        ("captum:ShapleyValueSampling", ["--set", "n_samples=3"], 0),
        ("captum:KernelShap", ["--repeats", "3", "--set", "n_samples=100"], 0),
        ("captum:Lime", ["--repeats", "3", "--set", "n_samples=10", "--tol", "0.5"], 0),
        ("captum:Occlusion", ["--set", "sliding_window_shapes=[1]"], 1),
        ("captum:Unknown", [], 2),
        ("shap:KernelExplainer", [], 0),
        ("shapiq:AgnosticExplainer", [], 0),
        # its setting has the name of an argument of the audit
        ("shapiq:AgnosticExplainer", ["--set", "index=STII", "--set", "max_order=2"], 1),
        ("zennit:Unknown", [], 2),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_methods_of_other_libraries(place, capsys, method, arguments, status):
    library = method.partition(":")[0]
    if status != 2:
        pytest.importorskip(library)
    assert audited(method, *arguments) == status
    shown = capsys.readouterr()
    assert shown.out.startswith(f"Audit of {method}") if status != 2 else "known: " in shown.err


def test_settings_may_have_the_names_of_the_audit_s_own_arguments(place, capsys):
    assert audited("integrated_gradients", "--set", "tol=1e-3", "--tol", "0.01") == 0
    assert "tolerance 1e-02" in capsys.readouterr().out


def test_integrated_gradients_stand_beside_the_shares_unless_told_otherwise(place, capsys):
    for arguments, beside in [
        ((), True),
        (("--beside", "none"), False),
        (("--beside", "occlusion_1"), False),
    ]:
        assert audited("shapley", *arguments) == 0
        page = " ".join(capsys.readouterr().out.split())
        # x₀x₁ is shared equally by both, so is the pair of no other method
        assert ("integrated_gradients 0.00)" in page) == beside


def test_a_comparison_that_cannot_be_made_costs_no_audit(place, capsys):
    assert audited("shapley", model="nets_to_audit:without_gradient") == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "integrated_gradients beside it could not be measured" in page

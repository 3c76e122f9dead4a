"""`taylorattr check`: verdicts and formulas in four forms, and the exit status."""

import json

import pytest

import taylorattr as ta
from taylorattr.cli import main

OWN = """
from dataclasses import replace
import taylorattr as ta
half = replace(ta.RULES["shapley"], name="half", symbolic=ta.RULES["shapley"].symbolic / 2)
number = 3
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules_to_check.py").write_text(OWN)
    return tmp_path


def test_one_method_is_a_report(capsys):
    assert main(["check", "occlusion_1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("occlusion_1\n") and "x₁x₂: weights (1, 1), in total 2" in text


def test_several_methods_are_a_table(capsys):
    assert main(["check", "shapley", "occlusion_1"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0].split() == "rule kind frame C1 terms C1 effects C2 C3".split()
    assert max(map(len, text.splitlines())) <= 100


def test_the_forms_are_those_of_the_library(capsys):
    report = ta.check("occlusion_patch")
    for form, expected in (("markdown", report.to_markdown()), ("latex", report.to_latex())):
        assert main(["check", "occlusion_patch", "--format", form]) == 0
        assert capsys.readouterr().out == expected + "\n"
    assert main(["check", "occlusion_patch", "--format", "json"]) == 0
    read = ta.CriteriaReport.from_dict(json.loads(capsys.readouterr().out))
    assert repr(read) == repr(report)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("shapley", "integrated_gradients", "--require", "coverage", "no_leak", "complete"), 0),
        (("occlusion_1", "--require", "no_leak", "coverage"), 0),
        (("occlusion_1", "--require", "complete"), 1),
        (("gradient_x_input", "--require", "coverage"), 1),  # it covers terms, not effects
        (("deeplift_rescale", "--require", "complete"), 1),  # under a condition
        (("occlusion_patch", "--require", "coverage"), 0),
        (("occlusion_patch", "--require", "coverage", "--frame", "input"), 1),
    ],
)
def test_required_criteria_decide_the_status(capsys, arguments, status):
    assert main(["check", *arguments]) == status
    assert ("required, but does not hold: " in capsys.readouterr().err) == bool(status)


def test_one_frame(capsys):
    assert main(["check", "semivalue", "--frame", "input", "--format", "markdown"]) == 0
    assert [line.split(" | ")[2] for line in capsys.readouterr().out.splitlines()[2:]] == ["input"]


def test_a_rule_of_ones_own(place, capsys):
    assert main(["check", "rules_to_check:half", "--require", "complete"]) == 1
    assert "x₁: weights (1/2), in total 1/2" in " ".join(capsys.readouterr().out.split())


def test_formulas_of_every_rule(capsys):
    assert main(["check", "--formulas", "--format", "markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == list(ta.RULES)
    assert main(["check", "--formulas", "shapley", "--format", "json"]) == 0
    read = ta.Result.from_dict(json.loads(capsys.readouterr().out))
    assert read.formulas[0].ratio == "1[κᵢ > 0]/s"
    assert main(["check", "--formulas", "shapley", "--format", "latex"]) == 0
    assert r"\frac{\mathbf{1}\left[{\kappa}_{i} > 0\right]}{s}" in capsys.readouterr().out
    assert main(["check", "--formulas"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name methods, or pass --all; known: gradient_x_input"),
        (("shapely",), "did you mean 'shapley'"),
        (("shapley", "--all"), "METHOD and --all are both given"),
        (("shapley", "--require", "fair"), "invalid choice: 'fair'"),
        (("occlusion_1", "--frame", "input"), "only in baseline; occlusion_1/input has"),
        (("--formulas", "--require", "complete"), "leave out --frame and --require"),
        (("rules_to_check:none",), "rules_to_check:none: module 'rules_to_check' has no attribute 'none'"),
        (("rules_to_check:number",), "rules_to_check:number is int; expected a rule"),
        (("nowhere.at:all",), "nowhere.at:all: No module named 'nowhere'"),
    ],
)
def test_a_wrong_call_says_in_one_line_how_to_mend_it(place, capsys, arguments, message):
    try:
        status = main(["check", *arguments])
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and message in error and error.count("\n") == 1

"""The command: what it prints, and that its status tells whether everything holds."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp

from proofs import __main__ as command
from proofs import report
from proofs.catalogue import THEOREMS
from proofs.refutations.catalogue import REFUTATIONS
from proofs.refutations.refutation import Case
from proofs.theorem import Step, Theorem

ROOT = Path(__file__).parents[2]
TRUE = Case((1,), "one", 1, 1)


def false_proof():
    yield Step("true so far", sp.Integer(1), sp.Integer(1))
    yield Step("one is two", sp.Integer(1), sp.Integer(2))


def crashing_proof():
    yield Step("true so far", sp.Integer(1), sp.Integer(1))
    raise RuntimeError("sympy gave up")


def theorem(name, prove):
    return Theorem(name, "a statement", "(3)", "everything", "nothing is left", prove)


@pytest.fixture
def with_false_ones(monkeypatch):
    extra = {"false": theorem("false", false_proof), "crashing": theorem("crashing", crashing_proof)}
    monkeypatch.setattr(command, "THEOREMS", {**THEOREMS, **extra})


def test_a_theorem_by_name(capsys):
    assert command.main(["mobius_inversion"]) == 0
    printed = capsys.readouterr().out
    assert "mobius_inversion" in printed and "FAILED" not in printed
    assert "1 of 1 proved" in printed


def test_the_steps_and_what_leads_to_the_general_case(capsys):
    assert command.main(["--steps", "mobius_inversion"]) == 0
    printed = capsys.readouterr().out
    assert "T12, one more term" in printed
    assert "in general: " in printed


def test_a_false_theorem_sets_the_status_and_the_others_are_still_printed(with_false_ones, capsys):
    assert command.main(["false", "mobius_inversion"]) == 1
    printed = capsys.readouterr().out
    assert "FAILED" in printed and "one is two: left − right = -1" in printed
    assert "1 of 2 proved" in printed


def test_a_proof_that_stops_with_an_error_proves_nothing(with_false_ones, capsys):
    assert command.main(["crashing"]) == 1
    assert "RuntimeError: sympy gave up" in capsys.readouterr().out


def test_a_refutation_has_its_own_status(capsys):
    assert command.main(["occlusion_1_is_not_complete", "mobius_inversion"]) == 0
    printed = capsys.readouterr().out
    assert "refuted" in printed and "claims that are false" in printed
    assert "1 of 1 proved, 1 of 1 refuted" in printed


def test_a_refutation_of_a_true_claim_sets_the_status(monkeypatch, capsys):
    finding = replace(REFUTATIONS["occlusion_1_is_not_complete"].findings[0], cases=lambda: iter([TRUE]))
    vain = replace(REFUTATIONS["occlusion_1_is_not_complete"], name="vain", findings=(finding,))
    monkeypatch.setattr(command, "REFUTATIONS", {"vain": vain})
    assert command.main(["vain"]) == 1
    printed = capsys.readouterr().out
    assert "FAILED" in printed and "the claim holds in all 1 cases" in printed
    assert "0 of 1 refuted" in printed


def test_long_names_are_folded_between_words():
    for name in (*THEOREMS, *REFUTATIONS):
        parts = report.folded(name, report.WIDTHS[0])
        assert "".join(part.strip() for part in parts) == name
        assert all(len(part) <= report.WIDTHS[0] for part in parts)


def test_json(with_false_ones, capsys):
    assert command.main(["--json", "false", "mobius_inversion"]) == 1
    false, true = json.loads(capsys.readouterr().out)
    assert (false["theorem"], false["status"], false["holds"]) == ("false", "FAILED", False)
    assert "one is two" in false["failure"]
    assert (true["theorem"], true["status"], true["failure"]) == ("mobius_inversion", "proved", "")
    assert true["steps"] > 0 and true["lifts"] and true["covers"]


def test_the_list_carries_out_nothing(with_false_ones, capsys):
    assert command.main(["--list"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [*THEOREMS, "false", "crashing", *REFUTATIONS]


def test_an_unknown_name_suggests_the_near_one(capsys):
    with pytest.raises(SystemExit) as exit:
        command.main(["mobius_inversoin"])
    assert exit.value.code == 2
    assert "did you mean 'mobius_inversion'?" in capsys.readouterr().err


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "proofs", "shapley_interaction_index"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 1 proved" in done.stdout

"""Reports and tables: text that can be read, markdown, LaTeX, files."""

import json
import re

import pytest

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.tables import WIDTH


def test_no_line_of_text_is_too_long(every):
    for text in (repr(every), *map(repr, every.reports)):
        assert max(map(len, text.splitlines())) <= WIDTH


def test_the_text_has_every_rule_frame_and_witness(every):
    marks, reasons = repr(every).split("\n\n")
    assert len(marks.splitlines()) == 1 + len(every.rows())
    joined = " ".join(reasons.split())
    for report in every.reports:
        for verdict in report.verdicts:
            covered = verdict.level == "effect" and report.verdict("coverage", frame=verdict.frame).witness
            if verdict.status == "fails" and not covered:
                assert " ".join(verdict.witness.split()) in joined
        for sentence in report.reservations:
            assert " ".join(sentence.split()) in joined


def test_a_report_says_what_shows_each_verdict(every):
    text = " ".join(repr(every["occlusion_1"]).split())
    assert "wᵢ(κ) = 1[κᵢ > 0]" in text and "x₁x₂: weights (1, 1), in total 2" in text
    assert "the ratio has a factor that vanishes at κᵢ = 0" in text
    assert "theorem occlusion_1" in text


def test_markdown_has_one_row_per_rule_and_frame(every):
    lines = every.to_markdown().splitlines()
    assert len(lines) == 2 + len(every.rows())
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    row = next(line for line in lines if line.startswith("| `lrp_alpha_beta` |"))
    assert "| (✓) | (✓) | ✗ | (✓) |" in row and "not even formal shares" in row


def test_latex_is_balanced_and_ascii_outside_of_names(every):
    text = every.to_latex()
    assert text.count(r"\\") == 1 + len(every.rows())
    assert text.count("$") % 2 == 0 and text.count("{") == text.count("}")
    assert {c for c in text if ord(c) > 127} == set(), "symbols that LaTeX has no letter for"
    assert r"lrp\_alpha\_beta" in text and r"$\checkmark $" in text


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_save_and_load(every, tmp_path, suffix):
    loaded = ta.Result.load(every.save(tmp_path / f"criteria{suffix}"))
    assert repr(loaded) == repr(every) and loaded.to_dict() == every.to_dict()
    assert ta.CriteriaReport.from_dict(json.loads(json.dumps(every["shapley"].to_dict()))).complete.holds


def test_verdicts_are_looked_up_by_name(every):
    report = every["semivalue"]
    assert report.verdict("complete", frame="input").frame == "input"
    assert report.coverage.level == "effect" and report.no_leak.holds and not report.complete.holds
    with pytest.raises(OptionError, match="semivalue has no verdict on 'fair' at 'term' level"):
        report.verdict("fair")
    with pytest.raises(OptionError, match="no report on 'shap'; there are: gradient_x_input"):
        every["shap"]


def test_one_frame_alone(every):
    report = every["semivalue"].in_frame("input")
    assert report.frames == ("input",) and len(report.verdicts) == 4
    with pytest.raises(OptionError, match="only in baseline; occlusion_1/input has"):
        every["occlusion_1"].in_frame("input")
    table = every.in_frame("input")
    assert {row[2] for row in table.rows()} == {"input"} and len(table.reports) < len(every.reports)


def test_a_part_of_a_table(every):
    assert [r.rule for r in every.of(["shapley", "lime"]).reports] == ["shapley", "lime"]

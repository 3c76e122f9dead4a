"""Verdicts beside the scores: computed once, and again when a rule is another one."""

from dataclasses import replace

import pytest

from taylorattr.allocation.rule import RULES
from taylorattr.html import verdicts


@pytest.fixture
def looked_at(monkeypatch):
    """Names that were checked, with nothing known at the start."""
    names = []
    monkeypatch.setattr(verdicts, "_CHECKED", {})
    original = verdicts.check
    monkeypatch.setattr(verdicts, "check", lambda name: names.append(name) or original(name))
    return names


def test_a_rule_is_looked_at_once(looked_at):
    first = verdicts.report_of("shapley")
    assert verdicts.report_of("shapley") is first
    assert looked_at == ["shapley"]


def test_a_rule_that_is_defined_anew_is_looked_at_again(looked_at, monkeypatch):
    own = replace(RULES["occlusion_1"], name="own")
    monkeypatch.setitem(RULES._entries, "own", own)
    assert verdicts.report_of("own").of_frame("baseline")[-1].status == "fails"
    monkeypatch.setitem(RULES._entries, "own", replace(RULES["shapley"], name="own"))
    assert verdicts.report_of("own").of_frame("baseline")[-1].status == "holds"
    assert looked_at == ["own", "own"]

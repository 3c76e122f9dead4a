"""Verdicts beside the scores: computed once, and again when a rule is another one."""

from dataclasses import replace

import pytest

from taylorattr.allocation.rule import RULES
from taylorattr.html import criteria


@pytest.fixture
def looked_at(monkeypatch):
    """Names that were checked, with nothing known at the start."""
    names = []
    monkeypatch.setattr(criteria, "_CHECKED", {})
    original = criteria.check
    monkeypatch.setattr(criteria, "check", lambda name: names.append(name) or original(name))
    return names


def test_a_rule_is_looked_at_once(looked_at):
    first = criteria.report_of("shapley")
    assert criteria.report_of("shapley") is first
    assert looked_at == ["shapley"]


def test_a_rule_that_is_defined_anew_is_looked_at_again(looked_at, monkeypatch):
    own = replace(RULES["occlusion_1"], name="own")
    monkeypatch.setitem(RULES._entries, "own", own)
    assert criteria.report_of("own").of_frame("baseline")[-1].status == "fails"
    monkeypatch.setitem(RULES._entries, "own", replace(RULES["shapley"], name="own"))
    assert criteria.report_of("own").of_frame("baseline")[-1].status == "holds"
    assert looked_at == ["own", "own"]

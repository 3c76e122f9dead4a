"""Refutations and ``taylorattr.check`` agree on which criteria fail."""

import pytest

from proofs.refutations.catalogue import REFUTATIONS
from taylorattr.allocation.rule import RULES

FINDINGS = [(name, finding) for name, entry in REFUTATIONS.items() for finding in entry.findings]
REFUTED = {key for _, finding in FINDINGS for key in finding.refutes}
LIMITED = {key for _, finding in FINDINGS for key in finding.limits}


@pytest.fixture(scope="module")
def verdicts(all_verdicts):
    """(rule, frame, criterion, level) -> verdict, for the rows of the fifteen methods and those named."""
    named = {rule for rule, *_ in REFUTED | LIMITED}
    rows = [rule.name for rule in RULES.values() if not rule.extra or rule.name in named]
    return {
        (report.rule, v.frame, v.criterion, v.level): v
        for report in all_verdicts.of(rows).reports
        for v in report.verdicts
    }


def test_what_fails_on_paper_is_refuted(verdicts):
    failing = {key for key, v in verdicts.items() if v.status == "fails" and not RULES[key[0]].extra}
    assert failing and failing <= REFUTED, sorted(failing - REFUTED)


def test_nothing_that_holds_is_refuted(verdicts):
    assert {key: verdicts[key].status for key in REFUTED} == dict.fromkeys(REFUTED, "fails")


def test_what_holds_under_a_condition_fails_without_it(verdicts):
    assert {key: verdicts[key].status for key in LIMITED} == dict.fromkeys(LIMITED, "conditional")
    conditions = {
        key: [part for part in v.condition.split(" and ") if not part.endswith(" taken alone")]
        for key, v in verdicts.items()
        if v.status == "conditional" and not RULES[key[0]].extra
    }
    asked = {key for key, parts in conditions.items() if parts}
    assert asked and asked <= LIMITED, sorted(asked - LIMITED)

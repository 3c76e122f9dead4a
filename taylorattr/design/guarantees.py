"""What a rule guarantees, in words, and what was only looked at."""

from __future__ import annotations

from collections.abc import Iterator

from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.paper.criteria_report import CriteriaReport
from taylorattr.criteria.verdict import Verdict
from taylorattr.design.symmetry import names_no_player

WORDS = {
    "coverage": "every effect reaches somebody (coverage)",
    "no_leak": "no effect reaches a player outside it: one without effects gets nothing (no leak, dummy)",
    "complete": "each effect is handed out exactly once: the scores add up to f(x) − f(b) (complete)",
}
"""Criterion -> what it means for a user."""

ENUMERATED = "every term of order"
"""How a statement begins that rests on enumeration."""


def proved(verdict: Verdict) -> bool:
    """Return whether a verdict rests on algebra or a theorem rather than on enumeration alone."""
    return not verdict.statement.startswith(ENUMERATED) or "; theorem" in verdict.statement


def guarantees(rule: AllocationRule, report: CriteriaReport) -> tuple[str, ...]:
    """Return what holds for every model, each with its reason.

    Args:
        rule: The rule.
        report: Its verdicts.
    """
    found = [
        f"{WORDS[v.criterion]}" + (f" where {v.condition}" if v.condition else "") + f": {v.statement}"
        for v in _own(rule, report)
        if v.status in ("holds", "conditional") and proved(v)
    ]
    if names_no_player(rule):
        found.append("players that play alike get alike: the ratio names no player (symmetry)")
    found.append(
        "the scores of a sum of models are the sums of the scores: the ratio does not read the model "
        "(linearity)"
    )
    if rule.granularity == "support":
        found.append("exact for every model, ReLU networks and trees included: it reads coalitions only")
    return tuple(found)


def unproved(report: CriteriaReport) -> tuple[str, ...]:
    """Return the criteria that held on every term looked at, and where that was."""
    return tuple(
        f"{WORDS[v.criterion]}: seen on {v.statement}, not proved for the rest"
        for v in report.in_frame(report.verdicts[0].frame).verdicts
        if v.status in ("holds", "conditional") and not proved(v) and v.level == _level(v)
    )


def _own(rule: AllocationRule, report: CriteriaReport) -> Iterator[Verdict]:
    """Verdicts in the rule's own frame: coverage of whole effects, no leak, complete."""
    return (v for v in report.in_frame(rule.frames[0]).verdicts if v.level == _level(v))


def _level(verdict: Verdict) -> str:
    return "effect" if verdict.criterion == "coverage" else "term"

"""Verdicts on paper of the rules behind the scores, and rows of them for a table."""

from __future__ import annotations

from typing import Any

from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.paper.check import check
from taylorattr.criteria.paper.criteria_report import COLUMN_NAMES, CriteriaReport, remarks
from taylorattr.errors import TaylorAttrError
from taylorattr.html.table import Column

MARKS = tuple(Column(title, "mark") for title in COLUMN_NAMES.values())
"""Columns of the four verdicts."""

_CHECKED: dict[str, tuple[AllocationRule, int, CriteriaReport]] = {}
"""Name -> rule, number of rules there were, verdicts.

A rule that is defined anew, or might have got a variant, is looked at again.
"""


def report_of(method: str, known: tuple[CriteriaReport, ...] = ()) -> CriteriaReport | str:
    """Return the verdicts on the rule of that name, or why there are none.

    Args:
        method: Name of a method or rule.
        known: Reports that were given.
    """
    for report in known:
        if report.rule == method:
            return report
    if method not in RULES:
        return "no ratio of this name is known: its scores are shown without verdicts"
    rule, held = RULES[method], _CHECKED.get(method)
    if held is not None and held[0] is rule and held[1] == len(RULES):
        return held[2]
    try:
        report = check(method)
    except TaylorAttrError as error:
        return f"not decided: {error}"
    _CHECKED[method] = rule, len(RULES), report
    return report


def marks(report: CriteriaReport, frame: str) -> list[str]:
    """Return the four marks in a frame."""
    return [verdict.mark for verdict in report.of_frame(frame)]


def reasons(report: CriteriaReport, frame: str) -> str:
    """Return why criteria fail, where they hold, and what the verdicts do not say."""
    return "; ".join([*remarks(report.of_frame(frame)), *report.reservations])


def frame_of(report: CriteriaReport, wanted: str) -> str:
    """Return the wanted frame where the report has it, else its first."""
    return wanted if wanted in report.frames else report.frames[0]


def cells(report: CriteriaReport | str, wanted: str) -> list[Any]:
    """Return ratio, kind, frame, four marks and reasons for one row."""
    if isinstance(report, str):
        return [None, None, None, *[None] * len(MARKS), report]
    frame = frame_of(report, wanted)
    return [report.formula, report.kind, frame, *marks(report, frame), reasons(report, frame)]

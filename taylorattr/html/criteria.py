"""The sections of rules: criteria on paper, and rules that were read from black boxes."""

from __future__ import annotations

from typing import Any

from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.paper.check import check
from taylorattr.criteria.paper.criteria_report import COLUMN_NAMES, CriteriaReport, remarks
from taylorattr.criteria.probe.probed_rule import ProbedRule
from taylorattr.errors import TaylorAttrError
from taylorattr.html.contents import Contents
from taylorattr.html.section import Column, Section, Table

CRITERION_NAMES = {"coverage": "Coverage", "no_leak": "No leak", "complete": "Completeness"}
"""A criterion as it begins a sentence."""

MARK_COLUMNS = tuple(Column(title, "mark") for title in COLUMN_NAMES.values())
"""Columns of the four verdicts."""

_CHECKED: dict[str, tuple[AllocationRule, int, CriteriaReport]] = {}
"""Name -> rule, number of rules there were, verdicts: a check takes seconds, and pages repeat methods.

A rule that is defined anew, or might have got a variant, is looked at again.
"""


def criteria_section(contents: Contents) -> Section | None:
    """Return the section: marks and reasons of each rule and frame, each verdict in words."""
    if not contents.criteria:
        return None
    rows = [
        [report.rule, *_verdicts_in(report, frame)] for report in contents.criteria for frame in report.frames
    ]
    columns = (
        Column("rule", "word"),
        Column("wᵢ(κ)", "text"),
        Column("kind", "word"),
        Column("frame", "word"),
        *MARK_COLUMNS,
        Column("why not, or where", "long"),
    )
    table = Table("criteria", "Criteria on paper", columns, rows)
    return Section(
        key="criteria",
        title="Criteria on paper",
        content={"table": table, "reports": contents.criteria},
        tables=(table,),
    )


def report_of(method: str, known: tuple[CriteriaReport, ...] = ()) -> CriteriaReport | str:
    """Return the verdicts on the rule of that name, or why there are none.

    Args:
        method: Name of a method or rule.
        known: Reports that were given.
    """
    for report in known:  # what was given on the page is what is shown beside the scores
        if report.rule == method:
            return report
    if method not in RULES:
        return "no ratio of this name is known: its scores are shown without verdicts"
    rule, checked = RULES[method], _CHECKED.get(method)
    if checked is not None and checked[0] is rule and checked[1] == len(RULES):
        return checked[2]
    try:
        report = check(method)
    except TaylorAttrError as error:
        return f"not decided: {error}"
    _CHECKED[method] = rule, len(RULES), report
    return report


def verdict_cells(report: CriteriaReport | str, frame: str) -> list[Any]:
    """Return ratio, kind, frame, four marks and reasons for one row.

    Args:
        report: The verdicts, or why there are none.
        frame: The wanted one; where the rule does not know it, its first.
    """
    if isinstance(report, str):
        return [None, None, None, *[None] * len(MARK_COLUMNS), report]
    return _verdicts_in(report, frame if frame in report.frames else report.frames[0])


def _verdicts_in(report: CriteriaReport, frame: str) -> list[Any]:
    """Return ratio, kind, frame, four marks and reasons of a frame that the rule knows."""
    verdicts = report.of_frame(frame)
    reasons = "; ".join([*remarks(verdicts), *report.reservations])
    return [report.formula, report.kind, frame, *(verdict.mark for verdict in verdicts), reasons]


def probe_section(contents: Contents) -> Section | None:
    """Return the section: what each black box is, and where it differs."""
    if not contents.probes:
        return None
    parts = [
        {
            "probe": probe,
            "nearest": RULES[probe.nearest].formula if probe.nearest in RULES else "",
            "misfits": _misfits(probe, number),
            "ratios": _ratios(probe, number),
        }
        for number, probe in enumerate(contents.probes)
    ]
    tables = [table for part in parts for table in (part["misfits"], part["ratios"]) if table is not None]
    return Section("probes", "Probed rules", {"parts": parts}, tuple(tables))


def _misfits(probe: ProbedRule, number: int) -> Table | None:
    """Return the shares in which a black box differs from the nearest rule; None where there are none."""
    if not probe.misfits:
        return None
    columns = (
        Column("κ", "word"),
        Column("player", "count"),
        Column("read"),
        Column(probe.nearest or "nearest"),
    )
    rows = [[_kappa(kappa), player + 1, read, due] for kappa, player, read, due in probe.misfits]
    return Table(f"misfits-{number}", f"Where it differs from {probe.nearest}", columns, rows)


def _ratios(probe: ProbedRule, number: int) -> Table | None:
    """Return what was read from monomials in the first setting; None where only units could be read."""
    if not len(probe.ratios):
        return None
    n = probe.multi_indices.shape[1]
    columns = (Column("κ", "word"), *(Column(f"w of player {i + 1}", heat=True) for i in range(n)))
    rows = [
        [_kappa(kappa), *(float(w) for w in row)]
        for kappa, row in zip(probe.multi_indices.tolist(), probe.ratios[0], strict=True)
    ]
    return Table(f"ratios-{number}", "Ratios read from monomials, first setting", columns, rows)


def _kappa(kappa: tuple[int, ...] | list[int]) -> str:
    return f"({', '.join(map(str, kappa))})"

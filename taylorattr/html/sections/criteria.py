"""Verdicts on paper: coverage, no leak, completeness."""

from __future__ import annotations

from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.section import Section
from taylorattr.html.table import Column, Table
from taylorattr.html.verdicts import MARKS, marks, reasons


def build(given: Given, about: About) -> Section | None:
    """Return the section: marks and reasons of each rule and frame, each verdict in words."""
    if not given.criteria:
        return None
    rows = [
        [report.rule, report.formula, report.kind, frame, *marks(report, frame), reasons(report, frame)]
        for report in given.criteria
        for frame in report.frames
    ]
    columns = (
        Column("rule", "word"),
        Column("wᵢ(κ)", "text"),
        Column("kind", "word"),
        Column("frame", "word"),
        *MARKS,
        Column("why not, or where", "long"),
    )
    table = Table("criteria", "Criteria on paper", columns, rows)
    return Section(
        key="criteria",
        title="Criteria on paper",
        content={"table": table, "reports": given.criteria},
        tables=(table,),
    )

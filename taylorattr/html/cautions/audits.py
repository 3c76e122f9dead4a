"""Cautions about audits: wrong uses, criteria that fail, what could not be decided."""

from __future__ import annotations

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.html.cautions.caution import Caution

TITLES = {"coverage": "Coverage", "no_leak": "No leak", "complete": "Completeness"}


def of_audit(report: AuditReport) -> list[Caution]:
    """Return the cautions of one audit."""
    about = f"{report.method}, as it was audited"
    found = [Caution(about, f"Wrong use, {m.kind}: {m.sentence}", grave=True) for m in report.misuse]
    for verdict in report.verdicts:
        if verdict.status == "fails":
            found.append(
                Caution(about, f"{TITLES[verdict.criterion]} fails: {verdict.statement}", grave=True)
            )
        elif verdict.status == "undecided":
            words = f"{TITLES[verdict.criterion]} is undecided: {verdict.statement}"
            found.append(Caution(about, words, "Raise repeats or samples."))
    return found

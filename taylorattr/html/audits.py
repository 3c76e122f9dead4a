"""The section of audits: what a method does on this network, measured."""

from __future__ import annotations

from typing import Any

from taylorattr.criteria.audit.audit_report import QUESTIONS, SMALLEST_ORDER_SHARE, AuditReport
from taylorattr.errors import TaylorAttrError
from taylorattr.html.contents import Contents
from taylorattr.html.criteria import CRITERION_NAMES
from taylorattr.html.section import Column, Section, Table
from taylorattr.html.shares import share_table


def audit_section(contents: Contents) -> Section | None:
    """Return the section: verdicts first, then per example the orders, the worst effects, the shares."""
    if not contents.audits:
        return None
    parts = [_part(report, number, contents) for number, report in enumerate(contents.audits)]
    tables = [
        table
        for part in parts
        for example in part["examples"]
        for table in (example["orders"], example["worst"], example["shares"])
        if table is not None
    ]
    return Section(
        "audit", "Audit", {"parts": parts, "questions": QUESTIONS, "names": CRITERION_NAMES}, tuple(tables)
    )


def _part(report: AuditReport, number: int, contents: Contents) -> dict[str, Any]:
    """Return what the template shows of one audit; ``number`` is part of its tables' keys."""
    return {
        "report": report,
        "reach": _reach(report),
        "blame": "" if report.blame is None else report.blame.statement,
        "nodes": "" if report.refinement is None else report.refinement.sentence,
        "examples": [_example(report, e, number) for e in contents.examples_of(report.batch)],
    }


def _reach(report: AuditReport) -> str:
    """Return which coalitions were measured."""
    if report.max_order is None:
        return f"all {2**report.n:,} coalitions"
    drawn = report.sampled.get("masks", 0)
    exact = f"every coalition of at most {report.max_order} players"
    return f"{exact} and {drawn:,} drawn at random" if drawn else exact


def _example(report: AuditReport, e: int, number: int) -> dict[str, Any]:
    """Return what the template shows of one example: numbers with their meanings, tables, verdicts."""
    numbers = [
        (
            "deficit",
            float(report.deficit[e]),
            "rms of what is missing or too much, over rms of the change of f",
        ),
        ("leak", float(report.leak[e]), "largest rms score of a player while it is absent"),
        ("offset", float(report.offset[e]), "scores where input and baseline coincide"),
        ("uncovered", float(report.uncovered[e]), "Σ|J| of effects that nobody is given, over Σ|J|"),
        ("gap at the input", float(report.gap[e]), "f(x) − f(b) − Σ scores; errors cancel in it"),
    ]
    why, shares = "", None  # shares that are not finite cannot be drawn; the page says so and goes on
    try:
        shares = share_table(
            report, f"audit-shares-{number}-{e}", f"Shares by {report.method}, example {e}", e
        )
    except TaylorAttrError as error:
        why = str(error)
    asymmetry = report.asymmetry[e] if report.asymmetry else None
    return {
        "example": e,
        "numbers": numbers,
        "orders": _orders(report, e, number),
        "worst": _worst(report, e, number),
        "shares": shares,
        "why": why,
        "asymmetry": asymmetry,
        "verdicts": report.each[e],
    }


def _orders(report: AuditReport, e: int, number: int) -> Table:
    """Return one row per order: how much there is, how wrongly and how often it is handed out."""
    total = float(report.mass[e].sum()) or 1.0
    rows = []
    for k in range(report.mass.shape[1]):
        mass = float(report.mass[e, k])
        if mass / total < SMALLEST_ORDER_SHARE:
            continue
        rows.append(
            [
                k + 1,
                mass,
                mass / total,
                float(report.order_deficit[e, k]),
                float(report.order_leak[e, k]),
                float(report.slope[e, k]),
            ]
        )
    columns = (
        Column("order", "count"),
        Column("Σ|J|", "size"),
        Column("share", "share"),
        Column("deficit", "size", hint="Σ|Σᵢ Aᵢ(S) − J(S)| over Σ|J|"),
        Column("leak", "size", hint="Σ|Aᵢ(S)| of players outside S, over Σ|J|"),
        Column("counted", "size", hint="how often an effect of this order is handed out"),
    )
    return Table(
        f"audit-orders-{number}-{e}", f"Audit of {report.method} by order, example {e}", columns, rows
    )


def _worst(report: AuditReport, e: int, number: int) -> Table | None:
    """Return the effects that are handed out most wrongly; None where every criterion holds exactly."""
    if all(verdict.status == "holds" for verdict in report.each[e]) or not report.worst[e]:
        return None
    rows = [[" × ".join(w.players), w.effect, w.given, w.leaked] for w in report.worst[e]]
    columns = (
        Column("coalition", "text"),
        Column("effect J(S)"),
        Column("given"),
        Column("of it leaked", "size", hint="Σ|share| of players outside the coalition"),
    )
    title = f"Effects that {report.method} hands out wrongly, example {e}"
    return Table(f"audit-worst-{number}-{e}", title, columns, rows)

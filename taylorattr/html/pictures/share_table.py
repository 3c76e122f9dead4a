"""Who was given how much of which effect: the table behind ``ta.plot.allocation_flow``."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.html.numbers import amount, count
from taylorattr.html.table import Column, Table
from taylorattr.plot.shares import Shares, shares
from taylorattr.reformulation.result import Reformulation

ROWS = 60
"""Most effects listed."""

RECEIVERS = 24
"""Most receivers with a column of their own, those that are given most."""

LONGEST = 200
"""Characters of an effect's name."""


def share_table(source: Reformulation | AuditReport, key: str, title: str, example: int) -> Table:
    """Return one row per effect: what it is, what each receiver got of it, how often it was counted.

    Args:
        source: A reformulation with a ratio of the whole function, or an audit.
        key: Of the table.
        title: Of the table.
        example: Which example.

    Raises:
        OptionError: For a back-propagation method.
        NonFiniteError: If a share is NaN or infinite.
    """
    found = shares(source, example)
    sizes = np.maximum(np.abs(found.values), found.given)
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    rows, rest = order[:ROWS], order[ROWS:]
    most = np.argsort(-np.abs(found.matrix).sum(axis=0), kind="stable")
    columns = np.sort(most[:RECEIVERS])
    folded = np.sort(most[RECEIVERS:])
    letter = "J(S)" if found.effects is None else "I(κ)"
    heads = [Column("effect", "text"), Column("order", "count"), Column(letter)]
    heads += [
        Column("counted", "size", hint="Σ shares / effect: 1 where it is handed out exactly once"),
        Column("leaked", "size", hint="Σ|share| of receivers that take no part in the effect"),
    ]
    heads += [Column(found.receivers[i], heat=True) for i in columns]
    if len(folded):
        heads.append(Column(f"{len(folded)} others", heat=True))
    note = _which(source)
    if len(rest):
        size = float(np.abs(found.values[rest]).sum())
        note += f"{count(len(rest), 'smaller effect')} not listed, in size {amount(size, False)} together."
    return Table(
        key=key,
        title=title,
        columns=tuple(heads),
        rows=[_row(found, int(row), columns, folded) for row in rows],
        foot=[_sums(found, columns, folded)],
        note=note,
    )


def _which(source: Reformulation | AuditReport) -> str:
    many = len(source.effects) if isinstance(source, Reformulation) else 1
    return f"From the first of {many} references; the method takes the mean over all. " if many > 1 else ""


def _row(found: Shares, row: int, columns: np.ndarray, folded: np.ndarray) -> list[Any]:
    shared = found.matrix[row]
    value = float(found.values[row])
    parts = [float(shared[i]) for i in columns]
    if len(folded):
        parts.append(float(shared[folded].sum()))
    counted = float(shared.sum()) / value if value else None
    return [found.label(row, LONGEST), found.order(row), value, counted, float(found.leaked[row]), *parts]


def _sums(found: Shares, columns: np.ndarray, folded: np.ndarray) -> list[Any]:
    sums = found.matrix.sum(axis=0)
    parts = [float(sums[i]) for i in columns]
    if len(folded):
        parts.append(float(sums[folded].sum()))
    return ["sum of all", None, float(found.values.sum()), None, float(found.leaked.sum()), *parts]

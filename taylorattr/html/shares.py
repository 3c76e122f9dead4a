"""Who was given how much of which effect: the table behind ``ta.plot.allocation_flow``."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.html.section import Column, Table
from taylorattr.html.text import amount, count
from taylorattr.plot.shares import Shares, shares
from taylorattr.reformulation.result import Reformulation

LISTED_EFFECTS = 60
"""Most effects listed, those of which most is given or there to be given."""

LISTED_RECEIVERS = 24
"""Most receivers with a column of their own, those that are given most."""

NAME_CHARACTERS = 200
"""Most characters of an effect's name."""


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
    table = shares(source, example)
    # an effect of 0 of which something is given is as worth seeing as a large one of which nothing is
    sizes = np.maximum(np.abs(table.values), table.handed_out)
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    rows, rest = order[:LISTED_EFFECTS], order[LISTED_EFFECTS:]
    receivers = np.argsort(-np.abs(table.matrix).sum(axis=0), kind="stable")
    columns = np.sort(receivers[:LISTED_RECEIVERS])
    folded = np.sort(receivers[LISTED_RECEIVERS:])
    letter = "J(S)" if table.effects is None else "I(κ)"
    heads = [Column("effect", "text"), Column("order", "count"), Column(letter)]
    heads += [
        Column("counted", "size", hint="Σ shares / effect: 1 where it is handed out exactly once"),
        Column("leaked", "size", hint="Σ|share| of receivers that take no part in the effect"),
    ]
    heads += [Column(table.receivers[i], heat=True) for i in columns]
    if len(folded):
        heads.append(Column(f"{len(folded)} others", heat=True))
    labels = table.labels([table.key(int(row)) for row in rows], NAME_CHARACTERS)
    note = _which_reference(source)
    if len(rest):
        size = float(np.abs(table.values[rest]).sum())
        note += f"{count(len(rest), 'smaller effect')} not listed, in size {amount(size, False)} together."
    return Table(
        key=key,
        title=title,
        columns=tuple(heads),
        rows=[_row(table, int(row), label, columns, folded) for row, label in zip(rows, labels, strict=True)],
        foot=[_sums(table, columns, folded)],
        note=note,
    )


def _which_reference(source: Reformulation | AuditReport) -> str:
    """Return which of several references is shown: their effects differ, so no table holds all."""
    many = len(source.effects) if isinstance(source, Reformulation) else 1
    return f"From the first of {many} references; the method takes the mean over all. " if many > 1 else ""


def _row(table: Shares, row: int, label: str, columns: np.ndarray, folded: np.ndarray) -> list[Any]:
    """Return one effect: name, order, value, how often it is counted, what leaks, each receiver's share."""
    value = float(table.values[row])
    counted = float(table.matrix[row].sum()) / value if value else None
    received = _received(table.matrix[row], columns, folded)
    return [label, table.order(row), value, counted, float(table.leaked[row]), *received]


def _sums(table: Shares, columns: np.ndarray, folded: np.ndarray) -> list[Any]:
    """Return the sums over all effects, those that are not listed among them: receivers' sums are scores."""
    received = _received(table.matrix.sum(axis=0), columns, folded)
    return ["sum of all", None, float(table.values.sum()), None, float(table.leaked.sum()), *received]


def _received(amounts: np.ndarray, columns: np.ndarray, folded: np.ndarray) -> list[float]:
    """Return what the receivers with a column are given, and what the others are given together."""
    cells = [float(amounts[i]) for i in columns]
    return [*cells, float(amounts[folded].sum())] if len(folded) else cells

"""The largest effects of one example as rows of a table, the others as their sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.html.numbers import amount, count, percent
from taylorattr.html.source import Source
from taylorattr.html.table import Column, Table

KINDS = {"baseline": "AND", "input": "OR"}
"""Frame -> what an effect of it needs."""


def effect_table(source: Source, example: int, most: int) -> Table:
    """Return the ``most`` largest effects ≠ 0 of an example; those that are NaN come first.

    Args:
        source: Effects.
        example: Which example.
        most: Number of rows.
    """
    effects = source.effects
    if isinstance(effects, IntegratedHessians):
        return _pairs(source, effects, example, most)
    skip = 0 if isinstance(effects, TaylorEffects) else 1
    values = effects.values[example, skip:].detach().cpu().double().numpy()
    shown, rest, total = _largest(values, most)
    letter = "order |κ|" if isinstance(effects, TaylorEffects) else "order |S|"
    bound = _bounds(effects, example)
    columns = [Column("effect", "text"), Column(letter, "count"), Column("value", bar=True)]
    columns.append(Column("share of Σ|effects|", "share"))
    if bound is not None:
        columns.append(Column("rounding ≤", "size", hint="bound of the rounding error of one effect"))
    rows: list[list[Any]] = []
    for place in shown:
        value, order = float(values[place]), _order(effects, int(place) + skip)
        row = [effects.label(int(place) + skip), order, value, abs(value) / total if total else 0.0]
        rows.append(row if bound is None else [*row, float(bound[order])])
    return Table(
        key=f"effects-{source.key}-{example}",
        title=f"{source.label}, example {example}",
        columns=tuple(columns),
        rows=rows,
        foot=_foot(values, rest, total, len(columns)),
        note=_note(values, shown, rest, total, "effect"),
    )


def _pairs(source: Source, effects: IntegratedHessians, example: int, most: int) -> Table:
    matrix = effects.values[example].detach().cpu().double().numpy()
    n = len(effects.names)
    places = [(i, j) for i in range(n) for j in range(i, n)]
    values = np.array([matrix[i, i] if i == j else matrix[i, j] + matrix[j, i] for i, j in places])
    shown, rest, total = _largest(values, most)
    rows: list[list[Any]] = []
    for place in shown:
        i, j = places[int(place)]
        name = effects.names[i] if i == j else f"{effects.names[i]} × {effects.names[j]}"
        value = float(values[place])
        rows.append([name, 1 if i == j else 2, value, abs(value) / total if total else 0.0])
    columns = (
        Column("players", "text"),
        Column("order", "count"),
        Column("value", bar=True, hint="Γii on the diagonal, else Γij + Γji"),
        Column("share of Σ|values|", "share"),
    )
    return Table(
        key=f"effects-{source.key}-{example}",
        title=f"{source.label}, example {example}",
        columns=columns,
        rows=rows,
        foot=_foot(values, rest, total, len(columns)),
        note=_note(values, shown, rest, total, "entry"),
    )


def _largest(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return positions shown and folded, largest first, and Σ|values| over the finite ones."""
    sizes = np.abs(values)
    finite = np.isfinite(sizes)
    order = np.argsort(-np.where(finite, sizes, np.inf), kind="stable")
    order = order[values[order] != 0]
    return order[:most], order[most:], float(sizes[finite].sum())


def _order(effects: TaylorEffects | HarsanyiEffects | InteractionIndex, column: int) -> int:
    if isinstance(effects, TaylorEffects):
        return int(effects.multi_indices[column].sum())
    return len(effects.coalitions[column])


def _bounds(effects: object, example: int) -> np.ndarray | None:
    if not isinstance(effects, HarsanyiEffects) or effects.error_bound is None:
        return None
    return effects.error_bound[example].double().cpu().numpy()


def _foot(values: np.ndarray, rest: np.ndarray, total: float, width: int) -> list[list[Any]]:
    rows: list[list[Any]] = []
    if len(rest):
        size = float(np.abs(values[rest]).sum())
        row = [count(len(rest), "other") + " together", None, float(values[rest].sum())]
        rows.append([*row, size / total if total else 0.0])
    rows.append(["sum of all", None, float(values.sum()), 1.0 if total else 0.0])
    return [row + [None] * (width - len(row)) for row in rows]


def _note(values: np.ndarray, shown: np.ndarray, rest: np.ndarray, total: float, what: str) -> str:
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    bad = int((~np.isfinite(values)).sum())
    all_ = count(len(values), what, plural)
    words = f"{bad:,} of {all_} are not finite; shares leave them out. " if bad else ""
    if not len(shown):
        return words + f"All {all_} are 0."
    if not len(rest):
        return words
    size = float(np.abs(values[rest]).sum())
    return words + (
        f"The {len(shown):,} largest of {all_} are listed; the other {len(rest):,} that are not 0 "
        f"add up to {amount(float(values[rest].sum()))}, in size to {amount(size, False)} "
        f"({percent(size / total if total else 0.0)} of the whole)."
    )

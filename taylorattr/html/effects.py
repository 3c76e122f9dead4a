"""The section of effects: the largest of each example as rows of a table, the others as their sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.html.contents import Contents, EffectSource
from taylorattr.html.section import Column, Section, Table
from taylorattr.html.text import amount, count, percent


def effect_section(contents: Contents) -> Section | None:
    """Return the section: one table per result and example; None where no result holds effects."""
    parts = [
        {"source": source, "example": e, "table": effect_table(source, e, contents.max_effects)}
        for source in contents.sources
        for e in contents.examples_of(source.batch)
    ]
    if not parts:
        return None
    return Section(
        key="effects",
        title="Effects",
        content={"parts": parts},
        tables=tuple(part["table"] for part in parts),
    )


def effect_table(source: EffectSource, example: int, most: int) -> Table:
    """Return the ``most`` largest effects ≠ 0 of an example; those that are NaN come first.

    Args:
        source: Effects.
        example: Which example.
        most: Number of rows.
    """
    effects = source.effects
    if isinstance(effects, IntegratedHessians):
        return _pairs(source, effects, example, most)
    first = 0 if isinstance(effects, TaylorEffects) else 1  # tables of coalitions begin with ∅
    values = effects.values[example, first:].detach().cpu().double().numpy()
    listed, rest, total = _largest(values, most)
    letter = "order |κ|" if isinstance(effects, TaylorEffects) else "order |S|"
    bound = _bounds(effects, example)
    columns = [Column("effect", "text"), Column(letter, "count"), Column("value", bar=True)]
    columns.append(Column("share of Σ|effects|", "share"))
    if bound is not None:
        columns.append(Column("rounding ≤", "size", hint="bound of the rounding error of one effect"))
    rows: list[list[Any]] = []
    for position in listed.tolist():
        value, order = float(values[position]), _order(effects, position + first)
        row = [effects.label(position + first), order, value, abs(value) / total if total else 0.0]
        rows.append(row if bound is None else [*row, float(bound[order])])
    return Table(
        key=f"effects-{source.key}-{example}",
        title=f"{source.label}, example {example}",
        columns=tuple(columns),
        rows=rows,
        foot=_foot(values, rest, total, len(columns)),
        note=_note(values, listed, rest, total, "effect"),
    )


def _pairs(source: EffectSource, effects: IntegratedHessians, example: int, most: int) -> Table:
    """Return the largest entries of integrated Hessians; the two entries of a pair stand in one row."""
    matrix = effects.values[example].detach().cpu().double().numpy()
    n = len(effects.names)
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    values = np.array([matrix[i, i] if i == j else matrix[i, j] + matrix[j, i] for i, j in pairs])
    listed, rest, total = _largest(values, most)
    rows: list[list[Any]] = []
    for position in listed.tolist():
        i, j = pairs[position]
        name = effects.names[i] if i == j else f"{effects.names[i]} × {effects.names[j]}"
        value = float(values[position])
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
        note=_note(values, listed, rest, total, "entry"),
    )


def _largest(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return positions listed and folded, largest first, and Σ|values| over the finite ones."""
    sizes = np.abs(values)
    finite = np.isfinite(sizes)
    # NaN and infinities first, since a reader must see them; equal sizes in the order of the table
    order = np.argsort(-np.where(finite, sizes, np.inf), kind="stable")
    order = order[values[order] != 0]
    return order[:most], order[most:], float(sizes[finite].sum())


def _order(effects: TaylorEffects | HarsanyiEffects | InteractionIndex, column: int) -> int:
    if isinstance(effects, TaylorEffects):
        return int(effects.multi_indices[column].sum())
    return len(effects.coalitions[column])


def _bounds(effects: object, example: int) -> np.ndarray | None:
    """Return the bound of the rounding error by order, where the result has one."""
    if not isinstance(effects, HarsanyiEffects) or effects.error_bound is None:
        return None
    return effects.error_bound[example].double().cpu().numpy()


def _foot(values: np.ndarray, rest: np.ndarray, total: float, width: int) -> list[list[Any]]:
    """Return a row of what is not listed and a row of the sum of all, filled up to the table's width."""
    rows: list[list[Any]] = []
    if len(rest):
        size = float(np.abs(values[rest]).sum())
        row = [count(len(rest), "other") + " together", None, float(values[rest].sum())]
        rows.append([*row, size / total if total else 0.0])
    rows.append(["sum of all", None, float(values.sum()), 1.0 if total else 0.0])
    return [row + [None] * (width - len(row)) for row in rows]


def _note(values: np.ndarray, listed: np.ndarray, rest: np.ndarray, total: float, what: str) -> str:
    """Return how many values are not finite, all zero, or left to the sum of the others."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    bad = int((~np.isfinite(values)).sum())
    every = count(len(values), what, plural)
    words = f"{bad:,} of {every} are not finite; shares leave them out. " if bad else ""
    if not len(listed):
        return words + f"All {every} are 0."
    if not len(rest):
        return words
    size = float(np.abs(values[rest]).sum())
    return words + (
        f"The {len(listed):,} largest of {every} are listed; the other {len(rest):,} that are not 0 "
        f"add up to {amount(float(values[rest].sum()))}, in size to {amount(size, False)} "
        f"({percent(size / total if total else 0.0)} of the whole)."
    )

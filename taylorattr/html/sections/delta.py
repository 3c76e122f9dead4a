"""F(x) − f(b), and how it splits by order."""

from __future__ import annotations

from typing import Any

from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.pictures.waterfall import Waterfall, rest_name, waterfall
from taylorattr.html.section import Section
from taylorattr.html.source import Source
from taylorattr.html.table import Column, Table

SAME = 1e-6
"""Difference from f(x) − f(b), relative to Σ|values|, that rounding may leave of an index."""


def build(given: Given, about: About) -> Section | None:
    """Return the section: one waterfall and one table per result and example."""
    parts, tables = [], []
    for source in given.sources:
        if isinstance(source.effects, IntegratedHessians):
            continue
        for e in given.shown(source.batch):
            finite = source.finite(e)
            picture = waterfall(source.effects, e) if finite else None
            table = _table(source, source.effects, e)
            tables.append(table)
            parts.append(
                {
                    "source": source,
                    "example": e,
                    "picture": picture,
                    "table": table,
                    "sentence": _sentence(source.effects, e, picture),
                    "kinds": _kinds(source.effects, e),
                }
            )
    outputs = _outputs(given)
    if not parts and not outputs:
        return None
    return Section(
        key="delta",
        title="From the baseline's output to the input's",
        content={"parts": parts, "outputs": outputs},
        tables=tuple(tables),
        short="By order",
    )


def _outputs(given: Given) -> list[dict[str, Any]]:
    """Return f(x), f(b) and delta of every example shown, from the first result that knows them."""
    rows = []
    for e in given.examples:
        for result in (*(s.effects for s in given.sources), *given.scores):
            start, end = getattr(result, "f_baseline", None), getattr(result, "f_input", None)
            if start is not None and end is not None and e < len(start):
                difference = float(result.delta[e])
                rows.append(
                    {"example": e, "start": float(start[e]), "end": float(end[e]), "delta": difference}
                )
                break
    return rows


def _table(source: Source, effects: TaylorEffects | HarsanyiEffects | InteractionIndex, e: int) -> Table:
    delta = float(effects.delta[e])
    rows: list[list[Any]] = []
    for order, total in enumerate(effects.by_order[e].tolist(), start=1):
        size = float(effects.order_values(order)[e].abs().sum())
        rows.append([f"order {order}", total, total / delta if delta else None, size])
    rest = delta - sum(row[1] for row in rows)
    foot = [
        [rest_name(effects), rest, rest / delta if delta else None, None],
        ["f(x) − f(b)", delta, 1.0 if delta else None, None],
    ]
    return Table(
        key=f"orders-{source.key}-{e}",
        title=f"By order: {source.label}, example {e}",
        columns=(
            Column("order", "word"),
            Column("sum"),
            Column("share of delta", "share"),
            Column("Σ|effects|", "size"),
        ),
        rows=rows,
        foot=foot,
    )


def _kinds(effects: TaylorEffects | HarsanyiEffects | InteractionIndex, e: int) -> list[tuple[str, float]]:
    """Return what players do alone and together: sums over the first-order, the other alone, the rest."""
    total = float(effects.by_order[e].sum())
    if isinstance(effects, TaylorEffects):
        first, high = float(effects.first_order[e].sum()), float(effects.independent_high[e].sum())
        parts = [("first order", first), ("high order, one player", high)]
        return [*parts, ("interactions", total - first - high)]
    alone = float(effects.order_values(1)[e].sum())
    return [("one player", alone), ("interactions", total - alone)]


def _sentence(
    effects: TaylorEffects | HarsanyiEffects | InteractionIndex, e: int, picture: Waterfall | None
) -> str:
    if picture is None:
        return "Some effects are NaN or infinite, so there is no picture."
    words = []
    if isinstance(effects, InteractionIndex):
        rest = abs(float(effects.delta[e] - effects.by_order[e].sum()))
        if rest > SAME * float(effects.values[e].abs().sum()):
            words.append(
                f"Values of {effects.index} do not add up to f(x) − f(b): it is no way to share it out."
            )
    if picture.cut:
        words.append("The axis does not start at 0.")
    return " ".join(words)

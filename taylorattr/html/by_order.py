"""From f(b) to f(x): what each order of effects adds, as a waterfall and as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.html.contents import Contents, EffectSource
from taylorattr.html.section import Column, Section, Table
from taylorattr.plot.by_order import FAR_FROM_ZERO

OrderedEffects: TypeAlias = TaylorEffects | HarsanyiEffects | InteractionIndex
"""Results that sum their effects by order."""

INDEX_ROUNDING = 1e-6
"""Difference from f(x) − f(b), relative to Σ|values|, that rounding in float32 may leave of an index."""


def order_section(contents: Contents) -> Section | None:
    """Return the section: one waterfall and one table per result and example."""
    parts, tables = [], []
    for source in contents.sources:
        if isinstance(source.effects, IntegratedHessians):
            continue  # pairs of players without orders
        for e in contents.examples_of(source.batch):
            picture = waterfall(source.effects, e) if source.finite(e) else None
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
    outputs = _outputs(contents)
    if not parts and not outputs:
        return None
    return Section(
        key="delta",
        title="From the baseline's output to the input's",
        content={"parts": parts, "outputs": outputs},
        tables=tuple(tables),
        short="By order",
    )


def _outputs(contents: Contents) -> list[dict[str, Any]]:
    """Return f(x), f(b) and delta of every example shown, from the first result that knows them."""
    rows = []
    for e in contents.examples:
        for result in (*(s.effects for s in contents.sources), *contents.scores):
            start, end = getattr(result, "f_baseline", None), getattr(result, "f_input", None)
            if start is not None and end is not None and e < len(start):
                difference = float(result.delta[e])
                rows.append(
                    {"example": e, "start": float(start[e]), "end": float(end[e]), "delta": difference}
                )
                break
    return rows


def _table(source: EffectSource, effects: OrderedEffects, e: int) -> Table:
    """Return sum, share of delta and size of each order; below them what is left, and delta."""
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


def _kinds(effects: OrderedEffects, e: int) -> list[tuple[str, float]]:
    """Return what players do alone and together: sums over the first-order, the other alone, the rest."""
    total = float(effects.by_order[e].sum())
    if isinstance(effects, TaylorEffects):
        first, high = float(effects.first_order[e].sum()), float(effects.independent_high[e].sum())
        parts = [("first order", first), ("high order, one player", high)]
        return [*parts, ("interactions", total - first - high)]
    alone = float(effects.order_values(1)[e].sum())
    return [("one player", alone), ("interactions", total - alone)]


def _sentence(effects: OrderedEffects, e: int, picture: Waterfall | None) -> str:
    """Return what must be known to read the picture, or why there is none."""
    if picture is None:
        return "Some effects are NaN or infinite, so there is no picture."
    words = []
    if isinstance(effects, InteractionIndex):
        rest = abs(float(effects.delta[e] - effects.by_order[e].sum()))
        if rest > INDEX_ROUNDING * float(effects.values[e].abs().sum()):
            words.append(
                f"Values of {effects.index} do not add up to f(x) − f(b): it is no way to share it out."
            )
    if picture.cut:
        words.append("The axis does not start at 0.")
    return " ".join(words)


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        name: What it is.
        value: Its signed length, in units of the output.
        kind: ``end``, ``step`` or ``rest``.
        left: Where it begins, in per cent of the width.
        width: Its length, in per cent.
        level: Where the level after it stands, in per cent.
    """

    name: str
    value: float
    kind: str
    left: float
    width: float
    level: float


@dataclass(frozen=True)
class Waterfall:
    """All bars, and whether their axis starts at 0.

    Attributes:
        steps: From top to bottom.
        cut: Whether 0 lies outside the picture.
        zero: Where 0 stands, in per cent.
    """

    steps: tuple[Bar, ...]
    cut: bool
    zero: float


def waterfall(effects: OrderedEffects, example: int) -> Waterfall:
    """Return the bars of one example; of a table that lacks effects the remainder is the last step."""
    # positions in per cent of the width: the page needs no script to draw them
    start, end = float(effects.f_baseline[example]), float(effects.f_input[example])
    sums = [float(value) for value in effects.by_order[example]]
    changes = [(f"order {order}", value, "step") for order, value in enumerate(sums, start=1)]
    if open_ended(effects):
        changes.append((rest_name(effects), end - start - sum(sums), "rest"))
    levels = [start]  # before the first order, then after each
    for _, value, _ in changes:
        levels.append(levels[-1] + value)
    low, high = min(*levels, end), max(*levels, end)
    span = high - low
    cut = span > 0 and (low > FAR_FROM_ZERO * span or high < -FAR_FROM_ZERO * span)
    if not cut:
        low, high = min(low, 0.0), max(high, 0.0)
    span = (high - low) or 1.0
    if cut:  # a margin on both sides, so that no bar touches the border
        low, span = low - 0.08 * span, 1.16 * span

    def position(value: float) -> float:
        return 100 * (value - low) / span

    origin = max(0.0, min(100.0, position(0.0)))
    bars = [("f(b)", start, "end", origin, position(start), position(start))]
    for (name, value, kind), before, after in zip(changes, levels, levels[1:], strict=False):
        bars.append((name, value, kind, position(before), position(after), position(after)))
    bars.append(("f(x)", end, "end", origin, position(end), position(end)))
    steps = tuple(
        Bar(name, value, kind, min(one, other), abs(other - one), level)
        for name, value, kind, one, other, level in bars
    )
    return Waterfall(steps, cut, origin)


def rest_name(effects: OrderedEffects) -> str:
    """Return what separates the sum of all orders from f(x) − f(b), in a word."""
    if not open_ended(effects):
        return "rounding"
    return "difference" if isinstance(effects, InteractionIndex) else "remainder"


def open_ended(effects: OrderedEffects) -> bool:
    """Return whether a table lacks effects, so that its sum need not be delta."""
    if isinstance(effects, TaylorEffects):
        return True
    return not effects.full or (isinstance(effects, HarsanyiEffects) and effects.truncated_at is not None)

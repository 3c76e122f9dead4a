"""Steps from f(b) over the sum of each order to f(x): the bars of ``ta.plot.by_order``, in per cent."""

from __future__ import annotations

from dataclasses import dataclass

from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects

FAR = 3.0
"""The axis starts at 0 unless the waterfall lies more than so many of its own widths away."""


@dataclass(frozen=True)
class Step:
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

    steps: tuple[Step, ...]
    cut: bool
    zero: float


def waterfall(effects: TaylorEffects | HarsanyiEffects | InteractionIndex, example: int) -> Waterfall:
    """Return the bars of one example; of a table that lacks effects the remainder is the last step."""
    start, end = float(effects.f_baseline[example]), float(effects.f_input[example])
    sums = [float(value) for value in effects.by_order[example]]
    changes = [(f"order {order}", value, "step") for order, value in enumerate(sums, start=1)]
    if open_ended(effects):
        changes.append((rest_name(effects), end - start - sum(sums), "rest"))
    levels = [start]
    for _, value, _ in changes:
        levels.append(levels[-1] + value)
    low, high = min(*levels, end), max(*levels, end)
    span = high - low
    cut = span > 0 and (low > FAR * span or high < -FAR * span)
    if not cut:
        low, high = min(low, 0.0), max(high, 0.0)
    span = (high - low) or 1.0
    if cut:
        low, span = low - 0.08 * span, 1.16 * span

    def place(value: float) -> float:
        return 100 * (value - low) / span

    origin = max(0.0, min(100.0, place(0.0)))
    bars = [("f(b)", start, "end", origin, place(start), place(start))]
    for (name, value, kind), before, after in zip(changes, levels, levels[1:], strict=False):
        bars.append((name, value, kind, place(before), place(after), place(after)))
    bars.append(("f(x)", end, "end", origin, place(end), place(end)))
    steps = tuple(
        Step(name, value, kind, min(one, other), abs(other - one), level)
        for name, value, kind, one, other, level in bars
    )
    return Waterfall(steps, cut, origin)


def rest_name(effects: TaylorEffects | HarsanyiEffects | InteractionIndex) -> str:
    """Return what separates the sum of all orders from f(x) − f(b), in a word."""
    if not open_ended(effects):
        return "rounding"
    return "difference" if isinstance(effects, InteractionIndex) else "remainder"


def open_ended(effects: TaylorEffects | HarsanyiEffects | InteractionIndex) -> bool:
    """Return whether a table lacks effects, so that its sum need not be delta."""
    if isinstance(effects, TaylorEffects):
        return True
    return not effects.full or (isinstance(effects, HarsanyiEffects) and effects.truncated_at is not None)

"""Effects by order, from f(b) to f(x), and the largest effects as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.plot.style import NEUTRAL, axes, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Effects = TaylorEffects | HarsanyiEffects


def by_order(effects: Effects, *, example: int = 0, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw a waterfall from f(baseline) over the sum of the effects of each order to f(x).

    Args:
        effects: Taylor effects (the remainder is the last step) or Harsanyi effects (order = size of S).
        example: Which example of the batch.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes.

    Raises:
        OptionError: If there is no such example.
    """
    _check_example(effects, example)
    start, end = float(effects.f_baseline[example]), float(effects.f_input[example])
    steps = [(f"order {k}", float(v)) for k, v in enumerate(effects.by_order[example], start=1)]
    rest = end - start - sum(value for _, value in steps)
    if isinstance(effects, TaylorEffects) or not effects.full:
        steps.append(("remainder", rest))
    figure, ax = axes(ax, (7.0, 0.6 + 0.42 * (len(steps) + 2)))
    labels = ["f(baseline)", *(name for name, _ in steps), "f(x)"]
    level, lefts, widths, colours = start, [0.0], [start], [NEUTRAL]
    for name, value in steps:
        lefts.append(level)
        widths.append(value)
        colours.append(NEUTRAL if name == "remainder" else colour(value))
        level += value
    lefts.append(0.0)
    widths.append(end)
    colours.append(NEUTRAL)
    rows = range(len(labels))
    ax.barh(rows, widths, left=lefts, color=colours, height=0.62)
    for row, (left, width) in enumerate(zip(lefts, widths, strict=True)):
        inner = row not in (0, len(labels) - 1)
        text = f"{width:+.3g}" if inner else f"{width:.3g}"
        ax.annotate(
            text,
            (max(left, left + width), row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.set_yticks(rows, labels)
    ax.invert_yaxis()
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.use_sticky_edges = False  # bars would pin the limits to their ends
    ax.margins(x=0.14)
    ax.set_xlabel("model output")
    ax.set_title("From the baseline's output to the input's, by order of effects", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def top_effects(
    effects: Effects, k: int = 15, *, example: int = 0, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw the k effects largest in size as bars, and the rest as one bar with its sum.

    Args:
        effects: Taylor or Harsanyi effects.
        k: Number of bars.
        example: Which example of the batch.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes.

    Raises:
        OptionError: If there is no such example or k < 1.
    """
    _check_example(effects, example)
    if k < 1:
        raise OptionError(f"k={k} bars; give at least 1")
    largest = effects.top(k)[example]
    entries = [(_shortened(effect.name), effect.value) for effect in largest]
    total = effects.values[example].sum() if isinstance(effects, TaylorEffects) else effects.total[example]
    columns = effects.values.shape[1] - (0 if isinstance(effects, TaylorEffects) else 1)
    others = columns - len(entries)
    if others > 0:
        entries.append((f"{others} others together", float(total) - sum(value for _, value in entries)))
    figure, ax = axes(ax, (7.0, 0.8 + 0.3 * len(entries)))
    rows = range(len(entries))
    colours = [colour(value) for _, value in entries]
    if others > 0:
        colours[-1] = NEUTRAL
    ax.barh(rows, [value for _, value in entries], color=colours, height=0.7)
    for row, (_, value) in enumerate(entries):
        side = 4 if value >= 0 else -4
        ax.annotate(
            f"{value:+.3g}",
            (value, row),
            xytext=(side, 0),
            textcoords="offset points",
            va="center",
            ha="left" if value >= 0 else "right",
            fontsize=8,
        )
    ax.set_yticks(rows, [name for name, _ in entries], fontsize=8)
    ax.invert_yaxis()
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.use_sticky_edges = False
    ax.margins(x=0.16)
    ax.set_xlabel("effect, in units of the model output")
    ax.set_title("Largest effects", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


def _check_example(effects: Effects, example: int) -> None:
    if not 0 <= example < effects.batch:
        raise OptionError(f"example={example}; the result holds examples 0 … {effects.batch - 1}")


def _shortened(name: str, limit: int = 46) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"

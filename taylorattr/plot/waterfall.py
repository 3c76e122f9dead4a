"""One prediction by player: a waterfall from f(b) to f(x), with what of each step comes from interactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taylorattr.plot.entries import check_count, folded
from taylorattr.plot.labels import (
    LARGEST_ROW_FONT,
    characters,
    distinct,
    head,
    name_rows,
    number,
    room,
    row_font,
    rows_that_fit,
)
from taylorattr.plot.player_parts import PlayerSource, feature_values, player_parts, written
from taylorattr.plot.style import NEUTRAL, Palette, axes, chosen, faint, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HATCH = "//////"
"""What comes from interactions."""

ROUNDING = 1e-6
"""Part of Σ|scores| up to which a gap is rounding and gets no step."""


def waterfall(
    source: PlayerSource,
    inputs: Any = None,
    *,
    k: int = 12,
    example: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw one prediction as steps from f(b) to f(x), a step per player, the largest first.

    Below each step stands what it is made of, where that is known: the player's own effect, full, and its
    part of interactions, hatched; where they oppose each other, the strip is longer than the step. The
    number in brackets is the share of interactions, |from interactions| / (|alone| + |from interactions|).

    Args:
        source: An attribution (steps alone), effects or an index (each effect shared equally among its
            players: Shapley values), or an audit (what a method was measured to give).
        inputs: Values beside the names: a tensor, an array or a frame with one per example and player.
        k: Players drawn; the others are one step.
        example: Which example of the batch.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure. Low axes show fewer players.

    Returns:
        The figure and the axes. Group ids: ``step:i`` of player i, ``step:others`` and ``step:gap``;
        ``alone:i`` and ``interactions:i`` of the strips.

    Raises:
        OptionError: If this is no such result, or an argument is out of range.
        ShapeError: If the inputs are not a value per example and player.
        NonFiniteError: If a score is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("k", k)
    parts = player_parts(source, example)
    values = feature_values(inputs, source.batch, parts.names) if inputs is not None else None
    scores, other = parts.scores[0], parts.interacting[0]
    start, end = float(parts.f_baseline[0]), float(parts.f_input[0])
    gap = end - start - float(scores.sum())
    has_gap = abs(gap) > ROUNDING * max(float(np.abs(scores).sum()), abs(end - start))
    own = ax is None
    count = min(k, max(1, int((scores != 0).sum())))
    figure, ax = axes(ax, (7.6, 1.3 + 0.33 * (count + 3 + has_gap)))
    if not own:
        k = max(1, min(k, rows_that_fit(ax) - 4))
    fold = folded(scores, k)
    steps = [(f"step:{p}", float(scores[p]), float(other[p])) for p in fold.largest]
    font = row_font(ax, len(steps) + 3 + has_gap)
    limit = characters(ax, 0.4, font)
    labels = distinct(
        [parts.names[p] for p in fold.largest], max(8, limit - (12 if values is not None else 0))
    )
    if values is not None:
        labels = [
            f"{name} = {written(values[example, p])}" for name, p in zip(labels, fold.largest, strict=True)
        ]
    if len(fold.rest):
        steps.append(("step:others", fold.total, float(other[fold.rest].sum())))
        labels.append(f"{len(fold.rest)} others (Σ|·| {number(fold.size, sign=False)})")
    if has_gap:
        steps.append(("step:gap", gap, 0.0))
        labels.append("in no score")
    labels = ["f(baseline)", *labels, "f(x)"]

    levels = start + np.concatenate([[0.0], np.cumsum([value for _, value, _ in steps])])
    split = parts.alone is not None
    turns = (
        [level + value - part for level, (_, value, part) in zip(levels, steps, strict=False)]
        if split
        else []
    )
    low, high = float(min(*levels, *turns, end)), float(max(*levels, *turns, end))
    span = high - low or 1.0
    for row, (gid, value, part) in enumerate(steps, start=1):
        level = float(levels[row - 1])
        paint = NEUTRAL if gid in ("step:gap", "step:others") else colours.of(value)
        _bar(ax, row - 0.36, 0.42 if split else 0.62, level, value, gid, paint)
        if split and gid != "step:gap":
            _strip(ax, row + 0.1, level, value - part, part, gid, colours)
        ax.plot([level + value] * 2, [row - 0.36, row + 0.64], color=ink(ax), linewidth=0.6, alpha=0.5)
        size = abs(value - part) + abs(part)
        share = f"  ({abs(part) / size:.0%})" if split and size > 0 and gid != "step:gap" else ""
        ax.annotate(
            number(value) + share,
            (max(level, level + value, level + value - part), row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=min(font, LARGEST_ROW_FONT - 1),
            color=ink(ax),
        )
    for row, level in ((0, start), (len(labels) - 1, end)):
        ax.plot([level], [row], marker="D", markersize=5, color=NEUTRAL, zorder=3)
        ax.annotate(
            number(level, sign=False),
            (level, row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=min(font, LARGEST_ROW_FONT - 1),
            color=ink(ax),
        )
    ax.plot([start] * 2, [0, 0.64], color=ink(ax), linewidth=0.6, alpha=0.5)
    ax.plot([end] * 2, [-0.6, len(labels) - 1], color=NEUTRAL, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    name_rows(ax, labels, font)
    # numbers stand to the right of the steps
    ax.set_xlim(low - 0.05 * span, high + max(0.14, 78.0 / room(ax)[0]) * 1.25 * span)
    ax.set_xlabel("model output", fontsize=LARGEST_ROW_FONT)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color=faint(ax), linewidth=0.5)
    ax.set_axisbelow(True)
    if split:
        split_legend(ax, "(%): share of interactions")
    head(ax, f"From f(baseline) to f(x): {parts.method}", loc="left", settle=True)
    return figure, ax


def _bar(ax: Axes, top: float, height: float, left: float, width: float, gid: str, paint: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((left, top), width, height, facecolor=paint, edgecolor="none", gid=gid))


def _strip(
    ax: Axes, top: float, level: float, alone: float, other: float, step: str, colours: Palette
) -> None:
    """Draw what a step is made of: the player's own effect, then its part of interactions."""
    from matplotlib.patches import Rectangle

    name = step.removeprefix("step:")
    own, part = colours.of(alone), colours.of(other)
    ax.add_patch(
        Rectangle((level, top), alone, 0.18, facecolor=own, alpha=0.75, edgecolor="none", gid=f"alone:{name}")
    )
    # where the two oppose each other the second goes back over the first: it stands below it
    below = top + (0.09 if alone * other < 0 else 0.0)
    ax.add_patch(
        Rectangle(
            (level + alone, below),
            other,
            0.18,
            facecolor=paper(ax),
            edgecolor=part,
            hatch=HATCH,
            linewidth=0.5,
            gid=f"interactions:{name}",
        )
    )


def split_legend(ax: Axes, note: str) -> None:
    """Say below the axes what full and hatched parts are."""
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=NEUTRAL, alpha=0.75, label="alone"),
        Patch(facecolor=paper(ax), edgecolor=NEUTRAL, hatch=HATCH, linewidth=0.5, label="from interactions"),
        Patch(facecolor="none", edgecolor="none", label=note),
    ]
    ax.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.4, -45.0 / max(room(ax)[1], 45.0)), ncols=3,
        fontsize=7.5, frameon=False, handlelength=1.6, columnspacing=1.2, borderaxespad=0.0,
    )  # fmt: skip

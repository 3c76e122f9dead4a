"""Effects by order: a waterfall from f(b) to f(x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.plot.entries import measured, one_example, require_players
from taylorattr.plot.labels import LARGEST_ROW_FONT, head, name_rows, number, row_font
from taylorattr.plot.style import NEUTRAL, axes, chosen, faint, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIVERGING = 8.0
"""Beyond so many times the span of f(b), the first two orders and f(x), steps are cut off: they would hide
these."""

CUT_MARGIN = 1.5
"""How far the axis then reaches on either side, in such spans."""

FAR_FROM_ZERO = 3.0
"""The axis starts at 0 unless the waterfall lies more than so many of its own widths away."""


def by_order(
    effects: TaylorEffects | HarsanyiEffects | AuditReport,
    *,
    example: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw a waterfall from f(b) over the sum of the effects of each order to f(x).

    Where the orders of a series grow, the axis keeps to f(b), the first two orders and f(x); steps that
    leave it are cut off with an arrow, and all numbers stand on the right.

    Args:
        effects: Taylor effects (the remainder is the last step) or Harsanyi effects (order = size of S); of a
            truncated table the remainder is the last step, too. Or an audit, whose measured effects are
            drawn.
        example: Which example of the batch.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes. One bar per step, from the level before it to the level after it.

    Raises:
        OptionError: If these are no effects, or there is no such example or palette.
        NonFiniteError: If a sum is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    effects = measured(effects)
    if not isinstance(effects, (TaylorEffects, HarsanyiEffects)):
        raise OptionError(
            f"by_order draws the effects of ta.decompose or ta.harsanyi; given a {type(effects).__name__}"
        )
    require_players(effects.names)
    sums = one_example(effects.by_order, example, "sums by order")
    start = float(one_example(effects.f_baseline[:, None], example, "outputs")[0])
    end = float(one_example(effects.f_input[:, None], example, "outputs")[0])
    steps = [(f"order {k}", float(v)) for k, v in enumerate(sums, start=1)]
    if isinstance(effects, TaylorEffects) or not effects.full or effects.truncated_at is not None:
        steps.append(("remainder", end - start - float(sums.sum())))
    labels = ["f(baseline)", *(name for name, _ in steps), "f(x)"]
    figure, ax = axes(ax, (7.0, 1.1 + 0.3 * len(labels)))

    changes = np.array([value for _, value in steps])
    after = start + np.cumsum(changes)
    lefts = np.array([0.0, start, *after[:-1], 0.0])
    widths = np.array([start, *changes, end])
    paints = [NEUTRAL if name == "remainder" else colours.of(value) for name, value in steps]
    ax.barh(range(len(labels)), widths, left=lefts, color=[NEUTRAL, *paints, NEUTRAL], height=0.62)
    levels = np.array(
        [start, *after, end]
    )  # thin lines join the end of each bar to the beginning of the next
    for row, level in enumerate(levels[:-1]):
        ax.plot([level, level], [row - 0.31, row + 1.31], color=ink(ax), linewidth=0.6, alpha=0.5)

    low, high = float(levels.min()), float(levels.max())
    core = np.array([start, *after[:2], end])
    beyond = high - low > DIVERGING * float(np.ptp(core)) > 0.0
    if beyond:
        low, high = core.min() - CUT_MARGIN * np.ptp(core), core.max() + CUT_MARGIN * np.ptp(core)
    # bars start at 0 where that leaves the steps enough of the width to be read
    span = high - low
    cut = span > 0 and (low > FAR_FROM_ZERO * span or high < -FAR_FROM_ZERO * span)
    if not cut:
        low, high = min(low, 0.0), max(high, 0.0)
        span = high - low
    # room for the numbers beside the bars
    pad = 0.02 * span if beyond else 0.2 * span if span > 0 else 1.0
    ax.set_xlim(low - pad, high + pad)
    font = row_font(ax, len(labels))
    numbers = [number(width, sign=0 < row < len(labels) - 1) for row, width in enumerate(widths)]
    if beyond:
        _number_rows(ax, numbers, font)
        _arrows(ax, lefts, widths, ["white" if p == NEUTRAL else p for p in [NEUTRAL, *paints, NEUTRAL]])
    else:
        for row, (left, width) in enumerate(zip(lefts, widths, strict=True)):
            ax.annotate(
                numbers[row],
                (max(left, left + width), row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=min(font, LARGEST_ROW_FONT - 1),
            )
    name_rows(ax, labels, font)
    if not cut:
        ax.axvline(0.0, color=ink(ax), linewidth=0.8)
    note = "the sums grow by order: steps beyond the axis are cut off" if beyond else ""
    note = note or ("the axis does not start at 0" if cut else "")
    ax.set_xlabel("model output" + f" ({note})" * bool(note), fontsize=LARGEST_ROW_FONT)
    ax.tick_params(axis="x", labelsize=8)
    head(ax, "From the baseline's output to the input's, by order", loc="left")
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color=faint(ax), linewidth=0.5)
    ax.set_axisbelow(True)
    return figure, ax


def _number_rows(ax: Axes, numbers: list[str], font: float) -> None:
    """Write a number for each row to the right of the axes."""
    twin = ax.secondary_yaxis("right")
    twin.set_yticks(range(len(numbers)), numbers, fontsize=font)
    twin.tick_params(axis="y", length=0, labelcolor=ink(ax))
    twin.spines[:].set_visible(False)


def _arrows(ax: Axes, lefts: np.ndarray, widths: np.ndarray, paints: list[str]) -> None:
    """Draw an arrow at each edge of the axes that a step crosses, or beyond which all of it lies."""
    low, high = ax.get_xlim()
    for row, (left, width) in enumerate(zip(lefts, widths, strict=True)):
        first, last = sorted((left, left + width))
        right, left_of = (1.0, last > high, first < high, "⟶"), (0.0, first < low, last > low, "⟵")
        for edge, crossed, seen, arrow in (right, left_of):
            if crossed:
                ax.annotate(
                    arrow, (edge, row), xycoords=("axes fraction", "data"), xytext=(4 - 8 * edge, 0),
                    textcoords="offset points", ha="right" if edge else "left", va="center", fontsize=9,
                    color="white" if seen else paints[row], gid="beyond",
                )  # fmt: skip

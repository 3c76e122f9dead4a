"""The largest effects as bars, and the others as one bar with what they amount to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.coalition_table import InteractionIndex
from taylorattr.plot.entries import (
    LONGEST_REST,
    Effects,
    check_count,
    effect_labels,
    effect_values,
    folded,
    measured,
)
from taylorattr.plot.labels import (
    LARGEST_ROW_FONT,
    characters,
    head,
    name_rows,
    number,
    room,
    row_font,
    rows_that_fit,
    say,
)
from taylorattr.plot.style import NEUTRAL, axes, chosen, faint, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def top_effects(
    effects: Effects | Attribution | AuditReport,
    k: int = 15,
    *,
    example: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the k effects largest in size as bars, and the others as one bar.

    The label of that bar says their sum and Σ|·|. Effects that are 0 are neither drawn nor counted. Given
    axes that are too low for k names show fewer.

    Args:
        effects: Taylor effects, Harsanyi effects or an interaction index; an attribution, whose scores are
            drawn; or an audit, whose measured effects are.
        k: Number of bars.
        example: Which example of the batch.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes; one bar per effect, as long as the effect.

    Raises:
        OptionError: If these are no effects, k < 1, or there is no such example or palette.
        NonFiniteError: If an effect is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("k", k)
    what = "scores" if isinstance(effects, Attribution) else "effects"
    table = _scores(effects) if isinstance(effects, Attribution) else measured(effects)
    values = effect_values(table, example)
    own_figure = ax is None  # a figure of its own is made as high as k bars need
    nonzero = int((values != 0).sum())
    figure, ax = axes(ax, (8.0, 1.0 + 0.24 * (min(k, max(nonzero, 1)) + 1)))
    title = f"The largest of {nonzero:,} {what}" if nonzero > k else f"{what.capitalize()}, largest first"
    head(ax, title, loc="left")
    if nonzero == 0:
        say(ax, f"every {what[:-1]} is 0")
        return figure, ax
    if not own_figure:
        k = min(k, rows_that_fit(ax) - 1)
    parts = folded(values, k)
    bars = [float(values[p]) for p in parts.largest]
    paints = [colours.of(v) for v in bars]
    font = row_font(ax, len(bars) + bool(len(parts.rest)))
    limit = characters(ax, 0.5, font)
    names = effect_labels(table, [int(p) for p in parts.largest], limit)
    # the bar of the others is left out of the scale where it would dwarf the rest
    reach = LONGEST_REST * max(abs(value) for value in bars)
    if len(parts.rest):
        bars.append(parts.total)
        paints.append(NEUTRAL)
        amount = f"{number(parts.total)}, Σ|·| {number(parts.size, sign=False)}"
        names.append(f"{len(parts.rest):,} other{'s' * (len(parts.rest) > 1)}: {amount}")
    ax.barh(range(len(bars)), bars, color=paints, height=0.7)
    drawn = [min(max(value, -reach), reach) for value in bars]
    low, high = min(0.0, *drawn), max(0.0, *drawn)
    pad = max(0.15, 60.0 / room(ax)[0]) * (high - low)
    low = low if bars[-1] < -reach else low - pad * (1.0 if low < 0 else 0.1)
    high = high if bars[-1] > reach else high + pad * (1.0 if high > 0 else 0.1)
    ax.set_xlim(low, high)
    for row in range(len(parts.largest)):
        ax.annotate(
            number(bars[row]),
            (bars[row], row),
            xytext=(4 if bars[row] >= 0 else -4, 0),
            textcoords="offset points",
            va="center",
            ha="left" if bars[row] >= 0 else "right",
            fontsize=min(font, LARGEST_ROW_FONT - 1),
        )
    if abs(bars[-1]) > reach:
        ax.annotate(
            "longer ⟶" if bars[-1] > 0 else "⟵ longer",
            (high if bars[-1] > 0 else low, len(bars) - 1),
            xytext=(-4 if bars[-1] > 0 else 4, 0),
            textcoords="offset points",
            va="center",
            ha="right" if bars[-1] > 0 else "left",
            color="white",
            fontsize=min(font, LARGEST_ROW_FONT - 1),
        )
    name_rows(ax, names, font)
    ax.axvline(0.0, color=ink(ax), linewidth=0.8)
    ax.set_xlabel(f"{what[:-1]}, in units of the model output", fontsize=LARGEST_ROW_FONT)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color=faint(ax), linewidth=0.5)
    ax.set_axisbelow(True)
    return figure, ax


def _scores(attribution: Attribution) -> InteractionIndex:
    """Return scores as entries of single players."""
    return InteractionIndex(
        values=torch.column_stack([attribution.f_baseline, attribution.player_scores]),
        names=attribution.names,
        frame=attribution.frame,
        delta=attribution.delta,
        f_input=attribution.f_input,
        f_baseline=attribution.f_baseline,
        max_order=1,
        index=attribution.method,
    )

"""Which players matter over many examples, and how much of that is theirs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taylorattr.plot.beeswarm import ranked, share_text
from taylorattr.plot.entries import LONGEST_REST, check_count
from taylorattr.plot.labels import (
    LARGEST_ROW_FONT,
    characters,
    distinct,
    head,
    name_rows,
    number,
    row_font,
    rows_that_fit,
    say,
)
from taylorattr.plot.player_parts import PlayerSource, player_parts
from taylorattr.plot.style import NEUTRAL, axes, chosen, faint, ink, paper
from taylorattr.plot.waterfall import HATCH, split_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def importance(
    source: PlayerSource, *, k: int = 15, palette: str | None = None, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw mean |score| of each player over the batch, divided into what is its own and its interactions.

    The bar is divided in the proportion of Σ|alone| to Σ|from interactions|, which need not add up to
    Σ|score|: where they oppose each other, each is larger than what is left.

    Args:
        source: An attribution, effects or an index (each effect shared equally), or an audit, of a batch.
        k: Players drawn; the others are one bar.
        palette: Name in ``ta.plot.PALETTES``; its first colour is that of the bars.
        ax: Axes to draw on; None makes a figure. Low axes show fewer players.

    Returns:
        The figure and the axes. Group ids: ``alone:i`` and ``interactions:i`` of player i, or ``others``;
        their widths add up to mean |score|.

    Raises:
        OptionError: If this is no such result, or an argument is out of range.
        NonFiniteError: If a score is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    paint = chosen(palette).positive
    check_count("k", k)
    parts = player_parts(source)
    n = len(parts.names)
    own = ax is None
    figure, ax = axes(ax, (7.0, 1.4 + 0.27 * (min(k, n) + (n > k))))
    if not parts.scores.any():
        say(ax, "every score is 0")
        return figure, ax
    if not own:
        k = max(1, min(k, rows_that_fit(ax) - 1))
    listed, rest = ranked(parts, k)
    means = np.abs(parts.scores).mean(axis=0)
    font = row_font(ax, len(listed) + bool(len(rest)))
    labels = distinct([parts.names[i] for i in listed], characters(ax, 0.35, font))
    rows = [(str(i), float(means[i]), None if parts.share is None else float(parts.share[i])) for i in listed]
    longest = LONGEST_REST * rows[0][1]
    if len(rest):
        labels.append(f"{len(rest)} others together")
        rows.append(
            ("others", float(means[rest].sum()), None if parts.share is None else parts.share_of(rest))
        )
    for row, (name, mean, share) in enumerate(rows):
        length = min(mean, longest)
        colour = NEUTRAL if name == "others" else paint
        part = length * (share or 0.0)
        ax.barh(row, length - part, color=colour, height=0.66)[0].set_gid(f"alone:{name}")
        if share:
            hatched = ax.barh(
                row, part, left=length - part, facecolor=paper(ax), edgecolor=colour, hatch=HATCH,
                linewidth=0.6, height=0.66,
            )  # fmt: skip
            hatched[0].set_gid(f"interactions:{name}")
        ax.annotate(
            number(mean, sign=False)
            + (f"  ({share_text(share)})" if share is not None else "")
            + (" longer ⟶" if mean > longest else ""),
            (length, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=min(font, LARGEST_ROW_FONT - 1),
            color=ink(ax),
        )
    name_rows(ax, labels, font)
    ax.set_xlim(0.0, 1.25 * max(min(mean, longest) for _, mean, _ in rows))
    ax.set_xlabel("mean |score|, in units of the model output", fontsize=LARGEST_ROW_FONT)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="x", color=faint(ax), linewidth=0.5)
    ax.set_axisbelow(True)
    if parts.share is not None:
        split_legend(ax, "(%): share of interactions")
    head(ax, f"{parts.method}: mean over {len(parts.scores):,} examples", loc="left", settle=True)
    return figure, ax

"""Upset plot: the largest interactions as bars, and below each which players take part in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.plot.entries import LONGEST_REST, Effects, check_count, effect_values, folded, measured
from taylorattr.plot.labels import PLAIN, characters, distinct, head, number, room, say
from taylorattr.plot.style import NEUTRAL, axes, chosen, faint, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def upset(
    effects: Effects | AuditReport,
    k: int = 20,
    *,
    min_order: int = 2,
    players: int = 15,
    example: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the k largest interactions as bars over a table of dots that says who takes part.

    Players beyond the number shown are one row, whose dots carry how many of them take part. The last bar is
    the sum of all other interactions; the title says it, and their Σ|·|.

    Args:
        effects: Harsanyi effects, an interaction index, Taylor effects (their terms summed by coalition), or
            an audit, whose measured effects are drawn.
        k: Number of bars.
        min_order: Smallest coalition; 1 takes the independent effects in.
        players: Rows of players, those with the largest Σ|effect| over the bars.
        example: Which example of the batch.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure. They are divided by ``ax.inset_axes``.

    Returns:
        The figure and the axes. Bars are in ``ax.child_axes[0]``, dots in ``ax.child_axes[1]``.

    Raises:
        OptionError: If these are no effects, or an argument is out of range.
        NonFiniteError: If an effect is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    for name, value in (("k", k), ("players", players), ("min_order", min_order)):
        check_count(name, value)
    table = effects.interactions if isinstance(effects, TaylorEffects) else measured(effects)
    values = effect_values(table, example).copy()
    if min_order > table.largest_order and table.n > 1:
        raise OptionError(
            f"min_order={min_order}; the largest coalition in the table has {table.largest_order} players"
        )
    sizes = np.asarray(table.coalitions.sizes)[1:]
    values[sizes < min_order] = 0.0  # what is 0 is neither drawn nor counted
    count = int((values != 0).sum())
    own_figure = ax is None
    figure, ax = axes(ax, (2.6 + 0.34 * (min(k, max(count, 6)) + 1), 2.4 + 0.22 * min(players + 1, table.n)))
    kind = "effects" if min_order == 1 else f"interactions of {min_order} or more players"
    ax.set_axis_off()
    if count == 0:
        say(ax, f"there are no {kind} other than 0")
        return figure, ax
    wide, high = room(ax)
    k = min(k, max(2, int(0.7 * wide / 17.0) - 1) if not own_figure else k)
    players = min(players, max(2, int(0.55 * high / 11.0)))
    parts = folded(values, k)
    columns = [table.coalitions[int(position) + 1] for position in parts.largest]
    bars = [float(values[position]) for position in parts.largest]
    rows, hidden = _rows(columns, bars, table.n, players)
    lines = len(rows) + bool(hidden)
    amount = f"; the others sum to {number(parts.total)}, Σ|·| {number(parts.size, sign=False)}"
    title = f"The largest of {count:,} {kind}" if len(parts.rest) else kind.capitalize()
    head(ax, title + (amount if len(parts.rest) else ""), 9.0, loc="left")
    below = min(0.68, max(0.2, lines * 13.0 / high))
    upper = ax.inset_axes((0.0, below + 0.02, 1.0, 0.98 - below))
    lower = ax.inset_axes((0.0, 0.0, 1.0, below))
    paints = [colours.of(bar) for bar in bars]
    others = len(parts.rest)
    reach = LONGEST_REST * max(abs(bar) for bar in bars)
    drawn = bars.copy()
    if others:
        bars.append(parts.total)
        drawn.append(min(max(parts.total, -reach), reach))
        paints.append(NEUTRAL)
    upper.bar(range(len(bars)), bars, color=paints, width=0.7)
    label = 34.0 / max((0.98 - below) * high - 68.0, 34.0)  # room for a number, as a share of the bars
    bottom, top = min(0.0, *drawn), max(0.0, *drawn)
    pad = label * (top - bottom)
    upper.set_ylim(
        bottom - pad * (min(bars[: len(columns)]) < 0), top + pad * (max(bars[: len(columns)]) > 0)
    )
    for column in range(len(columns)):
        upper.annotate(
            number(bars[column]),
            (column, bars[column]),
            xytext=(0, 3 if bars[column] >= 0 else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if bars[column] >= 0 else "top",
            fontsize=7,
            rotation=90,
            gid="amount",
        )
    if abs(bars[-1]) > reach:
        upper.text(
            len(columns), drawn[-1] / 2, "longer", rotation=90, color="white", ha="center", va="center"
        )
    upper.axhline(0.0, color=ink(ax), linewidth=0.8)
    upper.set_xticks([])
    upper.tick_params(axis="y", labelsize=8)
    upper.set_ylabel("effect", fontsize=8)
    upper.spines[["top", "right", "bottom"]].set_visible(False)
    _dots(lower, columns, paints, rows, hidden, others)
    lower.set_yticks(
        range(lines),
        _names(table.names, rows, hidden, min(30, characters(ax, 0.3, 8.0))),
        fontsize=8,
        **PLAIN,
    )
    for axis in (upper, lower):
        axis.set_xlim(-0.6, len(bars) - 0.4)
    return figure, ax


def _rows(
    columns: list[tuple[int, ...]], bars: list[float], n: int, players: int
) -> tuple[list[int], list[int]]:
    """Return the players with the largest Σ|bar|, and those that take part but have no row."""
    weight = np.zeros(n)
    for members, bar in zip(columns, bars, strict=True):
        weight[list(members)] += abs(bar)
    present = np.flatnonzero(weight)
    # players of large bars first: their rows are read most
    order = present[np.argsort(-weight[present], kind="stable")]
    # the fold is a row, too: it takes the place of the last player
    rows = order if len(order) <= players else order[: players - 1] if players > 1 else order[:1]
    return rows.tolist(), order[len(rows) :].tolist()


def _names(names: tuple[str, ...], rows: list[int], hidden: list[int], limit: int) -> list[str]:
    """Return the names of the rows, and how many players the fold holds."""
    labels = distinct([names[i] for i in rows], limit)
    return [*labels, f"{len(hidden)} other players"] if hidden else labels


def _dots(
    ax: Axes,
    columns: list[tuple[int, ...]],
    paints: list[str],
    rows: list[int],
    hidden: list[int],
    others: int,
) -> None:
    """Draw who takes part in each column: a dot per player, joined by a line; the fold's dot counts."""
    lines = len(rows) + bool(hidden)
    for line in range(0, lines, 2):
        ax.axhspan(line - 0.5, line + 0.5, color=faint(ax), alpha=0.3, linewidth=0, zorder=0)
    size = 26.0
    grid = [(c, r) for c in range(len(columns)) for r in range(lines)]
    ax.scatter(
        [c for c, _ in grid], [r for _, r in grid], s=size * 0.5, color=faint(ax), linewidths=0, zorder=1
    )
    for column, members in enumerate(columns):
        folded_away = len(set(members) & set(hidden))
        lit = [line for line, player in enumerate(rows) if player in members]
        lit += [len(rows)] if folded_away else []
        ax.plot([column, column], [min(lit), max(lit)], color=paints[column], linewidth=1.6, zorder=2)
        dots = ax.scatter([column] * len(lit), lit, s=size, color=paints[column], zorder=3)
        dots.set_gid(f"members:{column}")
        if folded_away > 1:
            ax.text(
                column,
                len(rows),
                str(folded_away),
                fontsize=6,
                color="white",
                ha="center",
                va="center_baseline",
            )
    if others:
        ax.text(
            len(columns),
            (lines - 1) / 2,
            f"{others:,} others",
            rotation=90,
            ha="center",
            va="center",
            fontsize=8,
        )
    ax.set_ylim(lines - 0.5, -0.5)
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)

"""Many predictions by player: a dot per example, and how much of the scores comes from interactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taylorattr.plot.entries import LONGEST_REST, check_count
from taylorattr.plot.labels import (
    LARGEST_ROW_FONT,
    characters,
    distinct,
    head,
    name_rows,
    row_font,
    rows_that_fit,
    say,
)
from taylorattr.plot.player_parts import PlayerParts, PlayerSource, feature_values, player_parts, ranks
from taylorattr.plot.style import NEUTRAL, axes, chosen, faint, ink, on_dark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

VALUE_COLOURS = "viridis"
"""Colours of feature values, low to high: none that stands for a sign."""

HALF_ROW = 0.4
"""How far dots of a row are moved apart, at most."""

BINS = 100
"""Columns in which dots of one row are stacked."""


def beeswarm(
    source: PlayerSource,
    inputs: Any = None,
    *,
    k: int = 12,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the scores of many examples: a row per player, a dot per example, coloured by the player's value.

    Players are ordered by mean |score|. On the right stands how much of each player's scores comes from
    interactions, where that is known: Σ|from interactions| / Σ(|alone| + |from interactions|). Dots of the
    last row are sums over the other players.

    Args:
        source: An attribution, effects or an index (each effect shared equally), or an audit, of a batch.
        inputs: Values of the players: a tensor, an array or a frame with one per example and player; None:
            the dots have the colour of their sign.
        k: Players drawn; the others are one row.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure. Low axes show fewer players.

    Returns:
        The figure and the axes. The dots of a row have the group id ``dots:i`` of player i or
        ``dots:others``.

    Raises:
        OptionError: If this is no such result, or an argument is out of range.
        ShapeError: If the inputs are not a value per example and player.
        NonFiniteError: If a score is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("k", k)
    parts = player_parts(source)
    values = feature_values(inputs, len(parts.scores), parts.names)
    n = len(parts.names)
    own = ax is None
    figure, ax = axes(ax, (7.6, 1.3 + 0.34 * (min(k, n) + (n > k))))
    if not parts.scores.any():
        say(ax, "every score is 0")
        return figure, ax
    if not own:
        k = max(1, min(k, rows_that_fit(ax) - 1))
    listed, rest = ranked(parts, k)
    font = row_font(ax, len(listed) + bool(len(rest)))
    labels = distinct([parts.names[i] for i in listed], characters(ax, 0.3, font))
    size = float(np.clip(1500.0 / len(parts.scores), 4.0, 20.0))
    for row, player in enumerate(listed):
        scores = parts.scores[:, player]
        shades: Any
        if values is None:
            shades = [colours.of(float(score)) for score in scores]
        else:
            shades = _shades(ranks(values[:, player])[0])
        _dots(ax, row, scores, shades, size, f"dots:{player}")
    if len(rest):
        labels.append(f"sum of {len(rest)} others")
        sums = parts.scores[:, rest].sum(axis=1)
        # sums of many players may dwarf the others: those beyond the scale are counted at its ends
        low, high = parts.scores[:, listed].min(), parts.scores[:, listed].max()
        pad = (LONGEST_REST - 1.0) * (high - low)
        inside = (sums >= low - pad) & (sums <= high + pad)
        _dots(ax, len(listed), sums[inside], NEUTRAL, size, "dots:others")
        if not inside.all():
            ax.set_xlim(low - 1.1 * pad, high + 1.1 * pad)
        _beyond(ax, len(listed), int((sums < low - pad).sum()), int((sums > high + pad).sum()), font)
    name_rows(ax, labels, font)
    ax.axvline(0.0, color=ink(ax), linewidth=0.8, zorder=0)
    ax.set_xlabel(f"{parts.method}, in units of the model output", fontsize=LARGEST_ROW_FONT)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="y", color=faint(ax), linewidth=0.5, linestyle=(0, (1, 3)))
    ax.set_axisbelow(True)
    _write_shares(ax, parts, listed, rest, font)
    if values is not None:
        value_bar(figure, ax, "value of the player")
    head(ax, f"{len(parts.scores):,} examples, players by mean |score|", loc="left", settle=True)
    return figure, ax


def ranked(parts: PlayerParts, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k players of largest mean |score|, the largest first, and the others."""
    order = np.argsort(-np.abs(parts.scores).mean(axis=0), kind="stable")
    # a fold of one player would only hide its name
    return (order, order[:0]) if len(order) <= k + 1 else (order[:k], order[k:])


def share_text(share: float) -> str:
    """Return a share of interactions as it stands beside a row."""
    return f"{share:.0%}"


def _write_shares(ax: Axes, parts: PlayerParts, listed: np.ndarray, rest: np.ndarray, font: float) -> None:
    """Write the share of interactions of each row to the right of the axes."""
    if parts.share is None:
        return
    texts = [share_text(float(parts.share[player])) for player in listed]
    if len(rest):
        texts.append(share_text(parts.share_of(rest)))
    twin = ax.secondary_yaxis("right")
    twin.set_yticks(range(len(texts)), texts, fontsize=font)
    twin.tick_params(axis="y", length=0, labelcolor=ink(ax))
    twin.spines[:].set_visible(False)
    twin.set_ylabel("share of interactions", fontsize=8)


def _beyond(ax: Axes, row: int, below: int, above: int, font: float) -> None:
    """Say at the ends of a row how many dots stand beyond them."""
    for count, text, side in ((below, f"⟵ {below}", 0.0), (above, f"{above} ⟶", 1.0)):
        if count:
            ax.annotate(
                text,
                (side, row),
                xycoords=("axes fraction", "data"),
                ha="right" if side else "left",
                va="center",
                fontsize=font,
                color=ink(ax),
            )


def value_bar(figure: Figure, ax: Axes, name: str) -> None:
    """Add the bar of colours from low to high values."""
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap=VALUE_COLOURS), ax=ax, fraction=0.03, pad=0.02, aspect=40)
    bar.set_ticks([0.0, 1.0], labels=["low", "high"], fontsize=8)
    bar.set_label(name, fontsize=8)
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def _shades(values: np.ndarray) -> np.ndarray:
    """Return colours of values, the middle nine tenths spread over the map; grey where there is none."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba

    known = np.isfinite(values)
    shades = np.tile(to_rgba(NEUTRAL), (len(values), 1))
    if known.any():
        # a single far value would leave all others one colour
        low, high = np.percentile(values[known], [5, 95])
        if low == high:
            low, high = values[known].min(), values[known].max()
        level = (values[known] - low) / (high - low) if high > low else np.full(known.sum(), 0.5)
        shades[known] = colormaps[VALUE_COLOURS](np.clip(level, 0.0, 1.0))
    return shades


def outlined(ax: Axes, dots: PathCollection) -> None:
    """Give dots a thin outline on dark paper, where the darkest values would not be seen."""
    dots.set_linewidth(0.3 if on_dark(ax) else 0.0)
    dots.set_edgecolor(ink(ax))


def _dots(ax: Axes, row: int, scores: np.ndarray, shades: Any, size: float, gid: str) -> None:
    """Draw the dots of a row: those of about one score above and below each other."""
    if not len(scores):
        return
    reach = float(np.ptp(scores)) or 1.0
    bins = np.round(BINS * (scores - scores.min()) / reach).astype(int)
    place = np.zeros(len(scores))
    tallest = 1
    for column in np.unique(bins):
        inside = np.flatnonzero(bins == column)
        tallest = max(tallest, len(inside))
        # 0, +1, −1, +2, …: the row fills from its middle
        steps = np.arange(len(inside))
        place[inside] = np.where(steps % 2, (steps + 1) // 2, -(steps // 2))
    pitch = min(2 * HALF_ROW / tallest, 0.12)
    dots = ax.scatter(scores, row + pitch * place, s=size, c=shades, zorder=3, rasterized=True)
    outlined(ax, dots)
    dots.set_gid(gid)

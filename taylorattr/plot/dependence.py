"""How a player's score depends on its value, and whom it depends on besides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taylorattr.effects.coalition_table import player_position
from taylorattr.errors import OptionError
from taylorattr.plot.beeswarm import VALUE_COLOURS, outlined
from taylorattr.plot.labels import LARGEST_ROW_FONT, PLAIN, head, shortened
from taylorattr.plot.player_parts import PlayerSource, feature_values, player_parts, ranks
from taylorattr.plot.style import NEUTRAL, axes, chosen, faint, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CATEGORIES = 12
"""Words on an axis or a colour bar, at most."""


def dependence(
    source: PlayerSource,
    inputs: Any,
    player: str | int,
    partner: str | int | None = None,
    *,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw a player's score over its value, a dot per example, coloured by its strongest partner's value.

    Where effects are known, a grey dot below or above each is the player's own effect, J({i}); the line
    between them is what interactions add. The partner is the player with the largest mean of Σ|J(S)|/|S|
    over the S that hold both, and the title says its part of all of the player's interactions.

    Args:
        source: Effects or an index (each effect shared equally), an audit, or an attribution, of a batch.
        inputs: Values of the players: a tensor, an array or a frame with one per example and player.
        player: Name or number of the player.
        partner: Name or number of the player that gives the colour; None: the strongest partner; none for an
            attribution, which does not know it.
        palette: Name in ``ta.plot.PALETTES``; the colours of values are the same in all.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes. Group ids: ``scores``, ``alone`` and ``interactions``.

    Raises:
        OptionError: If this is no such result, or there is no such player.
        ShapeError: If the inputs are not a value per example and player.
        NonFiniteError: If a score is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    chosen(palette)
    parts = player_parts(source)
    values = feature_values(inputs, len(parts.scores), parts.names)
    if values is None:
        raise OptionError("dependence draws scores over values; give the inputs that were explained")
    one = player_position(player, parts.names)
    strengths, whole = parts.partners(one) or (None, 0.0)
    other = None if partner is None else player_position(partner, parts.names)
    if other is None and strengths is not None and strengths.any():
        other = int(np.argmax(strengths))
    across, words = ranks(values[:, one])
    scores = parts.scores[:, one]
    figure, ax = axes(ax, (6.6, 4.2))
    name = shortened(parts.names[one], 40)
    if parts.alone is not None:
        from matplotlib.collections import LineCollection

        alone = parts.alone[:, one]
        segments = np.stack([np.column_stack([across, alone]), np.column_stack([across, scores])], axis=1)
        ax.add_collection(
            LineCollection(
                list(segments), colors=NEUTRAL, linewidths=0.7, alpha=0.5, zorder=1, gid="interactions"
            )
        )
        ax.scatter(across, alone, s=9, c=NEUTRAL, alpha=0.8, linewidths=0, zorder=2, label="alone").set_gid(
            "alone"
        )
    shades, partner_words = (None, None) if other is None else ranks(values[:, other])
    look: dict[str, Any] = (
        {"c": NEUTRAL} if shades is None else {"c": shades, "cmap": VALUE_COLOURS, "plotnonfinite": True}
    )
    dots = ax.scatter(across, scores, s=22, zorder=3, label="score", **look)
    outlined(ax, dots)
    dots.set_gid("scores")
    if other is not None:
        bar = figure.colorbar(dots, ax=ax, fraction=0.04, pad=0.02, aspect=35)
        bar.set_label(shortened(parts.names[other], 30), fontsize=8, **PLAIN)
        bar.ax.tick_params(labelsize=8)
        if partner_words is not None and len(partner_words) <= MOST_CATEGORIES:
            bar.set_ticks(range(len(partner_words)), labels=[shortened(w, 14) for w in partner_words])
    if words is not None and len(words) <= MOST_CATEGORIES:
        ax.set_xticks(range(len(words)), [shortened(w, 14) for w in words], **PLAIN)
    ax.axhline(0.0, color=ink(ax), linewidth=0.6, alpha=0.6, zorder=0)
    ax.set_xlabel(name, fontsize=LARGEST_ROW_FONT, **PLAIN)
    ax.set_ylabel(f"score of {shortened(name, 24)}", fontsize=LARGEST_ROW_FONT, **PLAIN)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=faint(ax), linewidth=0.5)
    ax.set_axisbelow(True)
    if parts.share is None:
        head(ax, f"{parts.method}: {name}", loc="left", settle=True)
        return figure, ax
    title = f"{name}: {float(parts.share[one]):.0%} of its scores from interactions"
    if other is not None and strengths is not None and whole > 0:
        title += f"; {float(strengths[other]) / whole:.0%} of these hold {shortened(parts.names[other], 24)}"
    head(ax, title, loc="left", settle=True)
    ax.legend(
        handles=[h for h in ax.collections if h.get_label() == "alone"],
        labels=["alone; the line is what interactions add"], fontsize=7.5, frameon=False, loc="best",
    )  # fmt: skip
    return figure, ax

"""Edges of an interaction graph as chords of the circle its players stand on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from taylorattr.plot.style import Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST = 5.0
"""Width of the strongest edge, in points."""


def draw_edges(
    ax: Axes,
    edges: Sequence[tuple[Hashable, Hashable, Mapping[str, Any]]],
    places: Mapping[Hashable, tuple[float, float]],
    colours: Palette,
    shrink: float = 1.0,
    largest: float | None = None,
) -> None:
    """Draw edges bent towards the middle, as wide as they are strong, coloured by sign.

    Args:
        ax: Axes whose circle has radius 1.
        edges: Two players and the attributes of each edge, the strongest first.
        places: Place of every player.
        colours: The palette.
        shrink: Factor of all widths, for small circles.
        largest: |strength| of the widest edge; None: the largest there is.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    strongest = max((facts["weight"] for *_, facts in edges), default=0.0)
    scale = (strongest if largest is None else largest) or 1.0
    for one, other, facts in reversed(edges):  # the strongest on top
        share = facts["weight"] / scale
        start, end = np.array(places[one]), np.array(places[other])
        bend = 0.35 * (start + end) / 2
        curve = Path([start, bend, end], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        paint = colours.of(facts.get("sign", facts["strength"]))
        line = {
            "edgecolor": paint,
            "linewidth": shrink * (0.4 + (WIDEST - 0.4) * share),
            "alpha": 0.25 + 0.6 * share,
        }
        ax.add_patch(PathPatch(curve, facecolor="none", capstyle="round", zorder=2, **line))

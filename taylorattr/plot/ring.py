"""Players on a circle, named so that no two names meet, and edges between them as bent chords."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from taylorattr.graphs.others import OTHERS
from taylorattr.plot.labels import LARGEST_ROW_FONT, PLAIN, clean, distinct, number, room, text_width
from taylorattr.plot.style import NEUTRAL, Palette, axes, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UPRIGHT_NAMES = 14
"""Up to so many players, names are written upright; beyond, along the spokes."""

LONGEST_NAME, SHORT_NAME = 26, 16
"""Characters of a name, and of one that has given way to the circle."""

NAME_GAP = 13.0
"""From the circle to a name, in points."""

CAPTION_LINE = 11.0
"""Height of a line of the caption, in points."""

CAPTION_FONT = 7.5
"""Font of the caption, in points."""

DOT_AREAS = (14.0, 260.0)
"""Areas of the smallest and the largest node, in points²; a player without effect is seen, too."""

EDGE_WIDTHS = (0.4, 5.0)
"""Widths of the weakest and of the strongest edge, in points."""

EDGE_BEND = 0.35
"""How far the middle of an edge stays from the centre, as a share of the way to the middle of its ends.

Straight chords of neighbours would lie on the circle and hide each other.
"""

COMFORTABLE_RADIUS, LEAST_RADIUS = 0.36, 0.26
"""Radius of the circle over the shorter side of the axes for which names give way.

First they are cut to ``SHORT_NAME`` until the circle is comfortable, then as far as they can until it is
not smaller than the least.
"""

SMALL_FONT, SMALLEST_FONT = 7.0, 5.0
"""Font down to which whole names shrink before they are cut, and the smallest one, in points."""

ROOMY_RADIUS = 120.0
"""Radius, in points, below which dots shrink with the circle."""


def areas(values: np.ndarray, largest: float) -> np.ndarray:
    """Return the area of each mark, in points², proportional to |value| from a smallest one on."""
    low, high = DOT_AREAS
    return low + (high - low) * np.abs(values) / (largest or 1.0)


def ring(
    ax: Axes,
    players: nx.Graph,
    colours: Palette,
    caption: list[str],
    positions: Mapping[Hashable, tuple[float, float]],
    largest: float | None = None,
) -> float:
    """Prepare the axes, draw the players as dots with their names, write the caption.

    Args:
        ax: Axes to draw on.
        players: Graph of the players, the node of the others among them; ``independent`` is the dot.
        colours: The palette.
        caption: Lines below the picture.
        positions: Position of every player, on the unit circle.
        largest: Effect of the largest dot; None: the largest there is.

    Returns:
        How far marks shrink with the circle, at most 1.
    """
    names = {node: _name(players, node) for node in positions}
    upright = len(positions) <= UPRIGHT_NAMES
    width, height = room(ax)  # everything below is in points: only there do names and circle share a scale
    caption = [line for text in caption for line in wrapped(text, CAPTION_FONT, width)]
    below = CAPTION_LINE * len(caption) + 6
    font = _font(len(positions), min(width, height - below))
    radius, font, names = _fitted(positions, names, font, upright, width, height - below)
    ax.set_xlim(-width / 2 / radius, width / 2 / radius)
    # the centre is lifted by half the caption, which stands below the circle
    ax.set_ylim(-(height + below) / 2 / radius, (height - below) / 2 / radius)
    ax.set_aspect("equal")
    ax.set_axis_off()
    for node, (x, y) in positions.items():
        _label(ax, names[node], (x, y), NAME_GAP / radius, font, upright)
    alone = np.array([value for _, value in players.nodes(data="independent", default=0.0)])
    paints = [NEUTRAL if node == OTHERS else colours.of(v) for node, v in zip(players, alone, strict=True)]
    points = np.array([positions[node] for node in players])
    largest = float(np.abs(alone).max(initial=0.0)) if largest is None else largest
    # dots of fixed size would cover each other in small axes; shrunk alike, areas still compare
    shrink = min(1.0, radius / ROOMY_RADIUS)
    sizes = areas(alone, largest) * shrink
    ax.scatter(points[:, 0], points[:, 1], s=sizes, c=paints, edgecolors=paper(ax), linewidths=0.8, zorder=4)
    for line, text in enumerate(reversed(caption)):  # from the lower edge upwards
        note = ax.annotate(
            text,
            (0.0, 0.0),
            xycoords="axes fraction",
            xytext=(0, 2 + CAPTION_LINE * line),
            textcoords="offset points",
            fontsize=CAPTION_FONT,
            color=ink(ax),
            **PLAIN,
        )
        note.set_in_layout(False)  # its room below the circle is counted above
    return shrink


def _name(players: nx.Graph, node: Hashable) -> str:
    """Return a player's name on one line; the node itself where a graph of the user's has no names."""
    return clean(str(players.nodes[node].get("name", node))) or "(no name)"


def _font(count: int, side: float) -> float:
    """Return the font in which so many names stand around the circle side by side."""
    around = np.pi * side * 0.62  # circumference of a circle that leaves a fifth of each side to names
    return float(min(LARGEST_ROW_FONT, max(SMALLEST_FONT, around / max(count, 1) / 1.35)))


def _fitted(
    positions: Mapping[Hashable, tuple[float, float]],
    names: Mapping[Hashable, str],
    font: float,
    upright: bool,
    width: float,
    height: float,
) -> tuple[float, float, dict[Hashable, str]]:
    """Return the radius of the circle in points, the font, and names that leave the circle its share."""
    side = min(width, height)
    radius, used, short = side / 2, font, dict(names)
    for limit, used in _concessions(font):
        cut = distinct([name for node, name in names.items() if node != OTHERS], limit)
        short = dict(zip((node for node in names if node != OTHERS), cut, strict=True))
        short |= {node: name for node, name in names.items() if node == OTHERS}
        radius = side / 2
        for node, (x, y) in positions.items():
            long = text_width(short[node], used) + NAME_GAP
            across, up = (long, used + NAME_GAP) if upright else (long * abs(x) + used, long * abs(y) + used)
            # a name outside the circle takes its length from the room across, its height from that upwards
            radius = min(
                radius,
                # names near an axis of the circle hardly limit it in the other direction
                (width / 2 - across) / max(abs(x), 0.05),
                (height / 2 - up) / max(abs(y), 0.05),
            )
        if radius >= (COMFORTABLE_RADIUS if limit > SHORT_NAME else LEAST_RADIUS) * side:
            break
    return max(radius, 5.0), used, short


def _concessions(font: float) -> Iterator[tuple[int, float]]:
    """Yield characters of a name and its font, in the order in which names give way to the circle."""
    for limit in range(LONGEST_NAME, SHORT_NAME - 1, -1):
        yield limit, font
    while font > SMALL_FONT:
        font = max(SMALL_FONT, font - 0.5)
        yield SHORT_NAME, font
    for limit in range(SHORT_NAME - 1, 8, -1):
        yield limit, font
    while font > SMALLEST_FONT:
        font = max(SMALLEST_FONT, font - 0.5)
        yield 9, font
    for limit in range(8, 4, -1):
        yield limit, font


def _label(
    ax: Axes, name: str, position: tuple[float, float], gap: float, font: float, upright: bool
) -> None:
    """Write a name outside its dot, upright or along the spoke, never upside down."""
    x, y = position
    side = "left" if x >= 0 else "right"
    angle = 0.0 if upright else float(np.degrees(np.arctan2(y, x)))
    angle = angle if -90 <= angle <= 90 else angle - 180 * np.sign(angle)
    label = ax.text(
        x * (1 + gap),
        y * (1 + gap),
        name,
        ha="center" if upright and abs(x) < 0.05 else side,
        va="center",
        rotation=angle,
        rotation_mode="anchor",
        fontsize=font,
        color=ink(ax),
        **PLAIN,
    )
    label.set_in_layout(False)  # it has its room; a layout would shrink the axes for it


def draw_edges(
    ax: Axes,
    edges: Sequence[tuple[Hashable, Hashable, Mapping[str, Any]]],
    positions: Mapping[Hashable, tuple[float, float]],
    colours: Palette,
    shrink: float = 1.0,
    largest: float | None = None,
) -> None:
    """Draw edges bent towards the middle, as wide as they are strong, coloured by sign.

    Args:
        ax: Axes whose circle has radius 1.
        edges: Two players and the attributes of each edge, the strongest first.
        positions: Position of every player.
        colours: The palette.
        shrink: Factor of all widths, for small circles.
        largest: |strength| of the widest edge; None: the largest there is.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    strongest = max((facts["weight"] for *_, facts in edges), default=0.0)
    thinnest, widest = EDGE_WIDTHS
    scale = (strongest if largest is None else largest) or 1.0
    for one, other, facts in reversed(edges):  # the strongest on top
        share = facts["weight"] / scale
        start, end = np.array(positions[one]), np.array(positions[other])
        bend = EDGE_BEND * (start + end) / 2
        curve = Path([start, bend, end], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        paint = colours.of(facts.get("sign", facts["strength"]))
        line = {
            "edgecolor": paint,
            "linewidth": shrink * (thinnest + (widest - thinnest) * share),
            "alpha": 0.25 + 0.6 * share,
        }
        ax.add_patch(PathPatch(curve, facecolor="none", capstyle="round", zorder=2, **line))


def wrapped(text: str, font: float, width: float) -> list[str]:
    """Return a text in lines of at most that width, in points."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and text_width(longer, font) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def ring_axes(ax: Axes | None, title: str) -> tuple[Figure, Axes]:
    """Return the given axes, or new ones that fill their figure, with a title.

    New axes have no layout engine: it would move the axes after names were fitted to them.
    """
    own = ax is None
    figure, ax = axes(ax, (7.2, 7.2))
    if own:
        figure.set_layout_engine("none")
        ax.set_position((0.02, 0.01, 0.96, 0.94))
    ax.set_title("\n".join(wrapped(title, 10.0, room(ax)[0])), fontsize=10, loc="left")
    return figure, ax


def others_line(players: nx.Graph, among: bool = True) -> list[str]:
    """Return the line of the caption that says what the folded players amount to, if there are any."""
    if OTHERS not in players:
        return []
    facts = players.nodes[OTHERS]
    size = number(facts["size"], sign=False)
    line = f"{facts['players']} others together: alone {number(facts['independent'])} (Σ|·| {size})"
    if among:
        size = number(facts["inside_size"], sign=False)
        line += f", among themselves {number(facts['inside'])} (Σ|·| {size})"
    return [line]

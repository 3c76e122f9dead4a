"""Players on a circle, named so that no two names meet; what lies between them is drawn inside."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from taylorattr.graphs.others import OTHERS
from taylorattr.plot.labels import LARGEST, PLAIN, clean, distinct, number, room, text_width
from taylorattr.plot.style import INK, NEUTRAL, Palette, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UPRIGHT = 14
"""Up to so many players, names are written upright; beyond, along the spokes."""

LONGEST, HALF = 26, 16
"""Characters of a name, and of one that has given way to the circle."""

GAP = 13.0
"""From the circle to a name, in points."""

CAPTION = 11.0
"""Height of a line of the caption, in points."""

CAPTION_FONT = 7.5

DOT = (14.0, 260.0)
"""Areas of the smallest and the largest node, in points²."""

COMFORTABLE, LEAST = 0.36, 0.26
"""Radius of the circle over the shorter side of the axes, for which names give way: first down to half a
line, then as far as they can."""

SMALL, TINY = 7.0, 5.0
"""Font down to which whole names shrink before they are cut, and the smallest one, in points."""

ROOMY = 120.0
"""Radius, in points, below which dots shrink with the circle."""


def areas(values: np.ndarray, largest: float) -> np.ndarray:
    """Return the area of each mark, in points², proportional to |value| from a smallest one on."""
    low, high = DOT
    return low + (high - low) * np.abs(values) / (largest or 1.0)


def ring(
    ax: Axes,
    players: nx.Graph,
    colours: Palette,
    caption: list[str],
    places: Mapping[Hashable, tuple[float, float]],
    largest: float | None = None,
) -> float:
    """Prepare the axes, draw the players as dots with their names, write the caption.

    Args:
        ax: Axes to draw on.
        players: Graph of the players, the node of the others among them; ``independent`` is the dot.
        colours: The palette.
        caption: Lines below the picture.
        places: Place of every player, on the unit circle.
        largest: Effect of the largest dot; None: the largest there is.

    Returns:
        How far marks shrink with the circle, at most 1.
    """
    names = {node: _name(players, node) for node in places}
    upright = len(places) <= UPRIGHT
    width, height = room(ax)
    caption = [line for text in caption for line in wrapped(text, CAPTION_FONT, width)]
    below = CAPTION * len(caption) + 6
    font = _font(len(places), min(width, height - below))
    radius, font, names = _fitted(places, names, font, upright, width, height - below)
    ax.set_xlim(-width / 2 / radius, width / 2 / radius)
    ax.set_ylim(-(height + below) / 2 / radius, (height - below) / 2 / radius)
    ax.set_aspect("equal")
    ax.set_axis_off()
    for node, (x, y) in places.items():
        _label(ax, names[node], (x, y), GAP / radius, font, upright)
    alone = np.array([value for _, value in players.nodes(data="independent", default=0.0)])
    paints = [NEUTRAL if node == OTHERS else colours.of(v) for node, v in zip(players, alone, strict=True)]
    points = np.array([places[node] for node in players])
    largest = float(np.abs(alone).max(initial=0.0)) if largest is None else largest
    shrink = min(1.0, radius / ROOMY)
    sizes = areas(alone, largest) * shrink
    ax.scatter(points[:, 0], points[:, 1], s=sizes, c=paints, edgecolors="white", linewidths=0.8, zorder=4)
    for line, text in enumerate(reversed(caption)):
        written = ax.annotate(
            text,
            (0.0, 0.0),
            xycoords="axes fraction",
            xytext=(0, 2 + CAPTION * line),
            textcoords="offset points",
            fontsize=CAPTION_FONT,
            color=INK,
            **PLAIN,
        )
        written.set_in_layout(False)
    return shrink


def _name(players: nx.Graph, node: Hashable) -> str:
    return clean(str(players.nodes[node].get("name", node))) or "(no name)"


def _font(count: int, side: float) -> float:
    """Return the font in which so many names stand around the circle side by side."""
    around = np.pi * side * 0.62
    return float(min(LARGEST, max(TINY, around / max(count, 1) / 1.35)))


def _fitted(
    places: Mapping[Hashable, tuple[float, float]],
    names: Mapping[Hashable, str],
    font: float,
    upright: bool,
    width: float,
    height: float,
) -> tuple[float, float, dict[Hashable, str]]:
    """Return the radius of the circle in points, the font, and names that leave the circle its share."""
    side = min(width, height)
    found, used, short = side / 2, font, dict(names)
    for limit, used in _concessions(font):
        cut = distinct([name for node, name in names.items() if node != OTHERS], limit)
        short = dict(zip((node for node in names if node != OTHERS), cut, strict=True))
        short |= {node: name for node, name in names.items() if node == OTHERS}
        found = side / 2
        for node, (x, y) in places.items():
            long = text_width(short[node], used) + GAP
            across, up = (long, used + GAP) if upright else (long * abs(x) + used, long * abs(y) + used)
            found = min(
                found,
                (width / 2 - across) / max(abs(x), 0.05),
                (height / 2 - up) / max(abs(y), 0.05),
            )
        if found >= (COMFORTABLE if limit > HALF else LEAST) * side:
            break
    return max(found, 5.0), used, short


def _concessions(font: float) -> Iterator[tuple[int, float]]:
    """Yield characters of a name and its font, in the order in which names give way to the circle."""
    for limit in range(LONGEST, HALF - 1, -1):
        yield limit, font
    while font > SMALL:
        font = max(SMALL, font - 0.5)
        yield HALF, font
    for limit in range(HALF - 1, 8, -1):
        yield limit, font
    while font > TINY:
        font = max(TINY, font - 0.5)
        yield 9, font
    for limit in range(8, 4, -1):
        yield limit, font


def _label(ax: Axes, name: str, place: tuple[float, float], gap: float, font: float, upright: bool) -> None:
    x, y = place
    side = "left" if x >= 0 else "right"
    angle = 0.0 if upright else float(np.degrees(np.arctan2(y, x)))
    angle = angle if -90 <= angle <= 90 else angle - 180 * np.sign(angle)
    written = ax.text(
        x * (1 + gap),
        y * (1 + gap),
        name,
        ha="center" if upright and abs(x) < 0.05 else side,
        va="center",
        rotation=angle,
        rotation_mode="anchor",
        fontsize=font,
        color=INK,
        **PLAIN,
    )
    written.set_in_layout(False)  # it has its room; a layout would shrink the axes for it


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
    """Return the given axes, or new ones that fill their figure, with a title."""
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

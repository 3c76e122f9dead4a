"""One method's side of a flow: the effects' blocks, the bands, the players' blocks with their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from taylorattr.plot.labels import PLAIN, number, text_width
from taylorattr.plot.ribbons import Ribbons
from taylorattr.plot.stacks import Stack
from taylorattr.plot.style import INK, NEUTRAL, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXACT = 1e-6
"""A share counts as dropped, over-counted or leaked from this part of its effect on."""


@dataclass(frozen=True)
class Side:
    """Where one method's flow is drawn.

    Attributes:
        near: Edge of the effects' blocks towards their names, in points.
        far: Edge of the players' blocks towards their names, in points.
        towards: 1 where players stand to the right, −1 to the left.
        width: Width of a block, in points.
        unit: Units of the output per point.
        font: Size of the labels, in points.
    """

    near: float
    far: float
    towards: float
    width: float
    unit: float
    font: float


def block(kind: Literal["handed", "beyond", "dropped"], colour: str) -> dict[str, Any]:
    """Return how a part of an effect's block is painted."""
    if kind == "handed":
        return {"facecolor": colour, "edgecolor": "none"}
    if kind == "beyond":
        return {"facecolor": "#ffffff", "edgecolor": colour, "hatch": "//////", "linewidth": 0.8}
    return {"facecolor": "#ffffff", "edgecolor": colour, "linestyle": (0, (2, 1.5)), "linewidth": 0.9}


def draw_side(
    ax: Axes, side: Side, part: Ribbons, left: Stack, right: Stack, receivers: list[str], colours: Palette
) -> None:
    """Draw one method's side.

    Args:
        ax: Axes whose x is in points and whose y is in units of the output, downwards.
        side: Where.
        part: The numbers.
        left: Places of the effects.
        right: Places of the players.
        receivers: Names of the players.
        colours: Colours of the signs.
    """
    _bands(ax, side, part, left, right, colours)
    for row in range(len(part.values)):
        _effect(ax, side, part, row, left, colours)
    for column, name in enumerate(receivers):
        height = float(part.received[column])
        top = float(right.tops[column] + (right.heights[column] - height) / 2)
        _rectangle(ax, side.far, top, -side.towards * side.width, height, "player", facecolor=NEUTRAL)
        score = number(float(part.scores[column]))
        ax.text(
            side.far + side.towards * 5.0,
            float(right.middles[column]),
            f"{name}  {score}" if side.towards > 0 else f"{score}  {name}",
            ha="left" if side.towards > 0 else "right",
            va="center",
            fontsize=side.font,
            color=INK,
            gid="player name",
            **PLAIN,
        )


def _effect(ax: Axes, side: Side, part: Ribbons, row: int, left: Stack, colours: Palette) -> None:
    size, given = float(part.sizes[row]), float(part.given[row])
    colour = colours.of(float(part.values[row]))
    if size > abs(float(part.values[row])) * (1 + EXACT):
        colour = NEUTRAL  # a fold of both signs
    top = _top(left, part, row)
    inner = side.towards * side.width
    handed = min(size, given)
    _rectangle(ax, side.near, top, inner, handed, "handed", **block("handed", colour))
    if given > size * (1 + EXACT):
        _rectangle(ax, side.near, top + size, inner, given - size, "beyond", **block("beyond", colour))
    elif size > given * (1 + EXACT):
        _rectangle(ax, side.near, top + given, inner, size - given, "dropped", **block("dropped", colour))
    note = _note(part, row)
    if note:
        ax.text(
            side.near - side.towards * 3.0,
            float(left.middles[row]),
            note,
            ha="right" if side.towards > 0 else "left",
            va="center",
            fontsize=side.font - 1,
            fontweight="bold",
            color=INK,
            gid="note",
        )


def notes_width(part: Ribbons, font: float) -> float:
    """Return the room that the notes beside the effects' blocks take, in points."""
    widths = [text_width(note, font) for row in range(len(part.values)) if (note := _note(part, row))]
    return max(widths) + 6.0 if widths else 0.0


def _note(part: Ribbons, row: int) -> str:
    """Say in a word how often an effect is counted, or that it is dropped or leaks."""
    size, given, leaked = part.sizes[row], part.given[row], part.flows[:, 1, row].sum()
    if given <= EXACT * size:
        return "dropped" if size > 0 else ""
    if leaked > 0.005 * given:
        return f"leak {leaked / given:.0%}"
    value = float(part.values[row])
    if abs(value) < size * (1 - EXACT):  # a fold of both signs has no ratio of sums
        ratio = float(given / size)
    else:
        ratio = float(part.net[row]) / value
    return "" if abs(ratio - 1.0) < 0.005 else f"×{ratio:.2f}".rstrip("0").rstrip(".").replace("-", "−")


def _top(left: Stack, part: Ribbons, row: int) -> float:
    taken = max(float(part.sizes[row]), float(part.given[row]))
    return float(left.tops[row] + (left.heights[row] - taken) / 2)


def _bands(ax: Axes, side: Side, part: Ribbons, left: Stack, right: Stack, colours: Palette) -> None:
    """Draw every band, stacked in the order of the other ends so that none crosses at its own block."""
    starts = np.array([_top(left, part, row) for row in range(len(part.values))])
    ends = right.tops + (right.heights - part.received) / 2
    x0 = side.near + side.towards * side.width
    x1 = side.far - side.towards * side.width
    below = ends.copy()
    places: dict[tuple[int, int, int, int], tuple[float, float]] = {}
    for row in range(len(part.values)):
        for column in range(len(ends)):
            for leak in (0, 1):
                for sign in (0, 1):
                    height = float(part.flows[sign, leak, row, column])
                    places[sign, leak, row, column] = (starts[row], below[column])
                    starts[row] += height
                    below[column] += height
    for (sign, leak, row, column), (y0, y1) in places.items():
        height = float(part.flows[sign, leak, row, column])
        if height > 0.0:
            colour = colours.negative if sign else colours.positive
            _band(ax, (x0, y0), (x1, y1), height, f"flow:{row}:{column}", colour, bool(leak))


def _band(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    height: float,
    gid: str,
    colour: str,
    leak: bool,
) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1) / 2
    vertices = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1),
        (x1, y1 + height), (middle, y1 + height), (middle, y0 + height), (x0, y0 + height), (x0, y0),
    ]  # fmt: skip
    codes = [
        Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4,
        Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.CLOSEPOLY,
    ]  # fmt: skip
    look: dict[str, Any] = {"facecolor": colour, "alpha": 0.45, "linewidth": 0.3, "edgecolor": colour}
    if leak:
        look |= {"hatch": "xxxx", "edgecolor": INK, "alpha": 0.55, "linewidth": 0.6}
    ax.add_patch(PathPatch(Path(vertices, codes), gid=gid, **look))


def _rectangle(ax: Axes, x: float, y: float, width: float, height: float, gid: str, **look: Any) -> None:
    from matplotlib.patches import Rectangle

    if height > 0.0:
        ax.add_patch(Rectangle((x, y), width, height, gid=gid, **look))

"""One method's side of a flow: its allocation reduced to rows and columns, where these stand, bands between.

Everything else of the allocation is folded into a last row and a last column. Folds add sizes, positive and
negative parts and leaks apart, so that nothing cancels out of sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from taylorattr.plot.entries import LONGEST_REST
from taylorattr.plot.labels import PLAIN, number, text_width
from taylorattr.plot.shares import Shares
from taylorattr.plot.style import NEUTRAL, Palette, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUNDING_SHARE = 1e-6
"""Part of an effect from which on it counts as dropped, over-counted or leaked; less is rounding."""

WORTH_A_NOTE = 0.005
"""Part of an effect from which on a note beside its block says so: the half of the last digit shown."""

BLOCK_GAP = 3.0
"""Points between two blocks."""


@dataclass(frozen=True)
class Ribbons:
    """An allocation reduced to the rows and columns of a picture; the last of each may be a fold.

    Attributes:
        values: Signed effect of each row; of the fold the sum, shape (r,).
        sizes: |I| of each row; of the fold Σ|I|, shape (r,).
        net: Σ_i A_i of each row, shape (r,).
        flows: Σ|A_i|, shape (2, 2, r, c); the first axis tells positive from negative shares, the second
            shares of players of the effect from those of others (leak).
        scores: Σ A_i of each column, shape (c,).
    """

    values: np.ndarray
    sizes: np.ndarray
    net: np.ndarray
    flows: np.ndarray
    scores: np.ndarray

    @property
    def handed_out(self) -> np.ndarray:
        """Σ|A_i| of each row, shape (r,)."""
        return self.flows.sum(axis=(0, 1, 3))

    @property
    def received(self) -> np.ndarray:
        """Σ|A_i| of each column, shape (c,)."""
        return self.flows.sum(axis=(0, 1, 2))

    def with_last_row(self, factor: float) -> Ribbons:
        """Return the same with all numbers of the last row times a factor; scores stay what they are."""
        last = np.ones(len(self.values))
        last[-1] = factor
        rows = self.values * last, self.sizes * last, self.net * last
        return Ribbons(*rows, self.flows * last[:, None], self.scores)


def shrunk(parts: Sequence[Ribbons]) -> int:
    """Return how many times smaller than it is the last row is drawn, to leave room to the others."""
    heights = np.max([np.maximum(part.sizes, part.handed_out) for part in parts], axis=0)
    largest = float(heights[:-1].max(initial=0.0))
    return max(1, int(np.ceil(float(heights[-1]) / (LONGEST_REST * largest)))) if largest > 0 else 1


def ribbons(
    table: Shares, rows: Sequence[int | None], columns: Sequence[int], fold: tuple[bool, bool]
) -> Ribbons:
    """Reduce an allocation to some rows and columns.

    Args:
        table: The allocation.
        rows: Rows shown; None for an effect the table does not hold, whose numbers are 0.
        columns: Columns shown.
        fold: Whether a last row, a last column, holds everything else.

    Returns:
        The reduced allocation; its flows sum to Σ|A| of the table where both folds are on.
    """
    known = [row for row in rows if row is not None]
    member = np.ones(table.matrix.shape, bool) if table.members is None else table.members
    other_rows = np.ones(len(table.values), bool)
    other_rows[known] = False
    other_columns = np.ones(table.matrix.shape[1], bool)
    other_columns[list(columns)] = False

    def picked(values: np.ndarray) -> list[float]:
        """Return the values of the rows shown."""
        return [0.0 if row is None else float(values[row]) for row in rows]

    def by_rows(values: np.ndarray) -> np.ndarray:
        """Return values (…, E, R) of the rows shown and the fold, (…, r, R)."""
        chosen = np.zeros((*values.shape[:-2], len(rows), values.shape[-1]))
        for position, row in enumerate(rows):
            if row is not None:
                chosen[..., position, :] = values[..., row, :]
        if not fold[0]:
            return chosen
        return np.concatenate([chosen, values[..., other_rows, :].sum(axis=-2, keepdims=True)], axis=-2)

    # parts of either sign and of leaks are summed apart: a fold of +1 and −1 is 2 that was handed out, not 0
    signed = (np.maximum(table.matrix, 0.0), np.maximum(-table.matrix, 0.0))
    kinds = [[by_rows(np.where(member == inside, part, 0.0)) for inside in (True, False)] for part in signed]
    flows = np.array(kinds)  # (2, 2, r, R); one table of all shares at a time
    columns_shown = flows[..., list(columns)]
    scores = table.matrix[:, list(columns)].sum(axis=0)
    if fold[1]:
        columns_shown = np.concatenate(
            [columns_shown, flows[..., other_columns].sum(axis=-1, keepdims=True)], axis=-1
        )
        scores = np.append(scores, table.matrix[:, other_columns].sum())
    values, net = picked(table.values), picked(table.matrix.sum(axis=1))
    sizes = [abs(value) for value in values]
    if fold[0]:
        values.append(float(table.values[other_rows].sum()))
        sizes.append(float(np.abs(table.values[other_rows]).sum()))
        net.append(float(table.matrix[other_rows].sum()))
    return Ribbons(np.array(values), np.array(sizes), np.array(net), columns_shown, scores)


@dataclass(frozen=True)
class Stack:
    """A column of blocks.

    Attributes:
        tops: Upper edge of each block, downwards from 0, shape (r,).
        heights: Their heights, shape (r,).
    """

    tops: np.ndarray
    heights: np.ndarray

    @property
    def middles(self) -> np.ndarray:
        """Middle of each block, shape (r,)."""
        return self.tops + self.heights / 2


def scale(columns: Sequence[np.ndarray], pitch: float, room: float) -> float:
    """Return the largest number of points per unit with which every column of blocks fits.

    A block of height h takes max(h·scale + BLOCK_GAP, pitch) points: labels of one ``pitch`` never touch.

    Args:
        columns: Heights of the blocks of each column, in units of the output.
        pitch: Points that a label takes.
        room: Points from top to bottom; more than pitch times the longest column.

    Returns:
        The scale; 1 where every block is 0.
    """
    points = np.inf
    for heights in columns:
        largest = float(heights.max(initial=0.0))
        if largest == 0.0:
            continue
        low, high = 0.0, room / largest
        for _ in range(60):  # halving, down to the last bit: the sum of maxima has no closed inverse
            middle = (low + high) / 2
            fits = float(np.maximum(heights * middle + BLOCK_GAP, pitch).sum()) <= room
            low, high = (middle, high) if fits else (low, middle)
        points = min(points, low)
    return points if 0.0 < points < np.inf else 1.0


def stacked(heights: np.ndarray, pitch: float, room: float, unit: float) -> Stack:
    """Return the blocks below each other, spare room spread evenly, in units of the output.

    Args:
        heights: Heights of the blocks, in units of the output.
        pitch: Points that a label takes.
        room: Points from top to bottom.
        unit: Units of the output per point.
    """
    # a block has at least the room of its label, and a gap to the next
    slots = np.maximum(heights + BLOCK_GAP * unit, pitch * unit)
    spare = max(room * unit - float(slots.sum()), 0.0) / len(slots)
    tops = np.concatenate([[0.0], np.cumsum(slots + spare)[:-1]]) + (slots + spare - heights) / 2
    return Stack(tops, heights)


def crossing_order(weights: np.ndarray) -> np.ndarray:
    """Return the columns in the order of the mean row that flows into them, shape (c,).

    Args:
        weights: Flow from each row to each column, shape (r, c), ≥ 0.
    """
    received = weights.sum(axis=0)
    rows = np.arange(len(weights))[:, None]
    means = (weights * rows).sum(axis=0) / np.where(received > 0, received, 1.0)
    # players that receive nothing stand last, wherever their mean of nothing is
    return np.argsort(np.where(received > 0, means, np.inf), kind="stable")


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


def block(kind: Literal["handed", "beyond", "dropped"], colour: str, ax: Axes) -> dict[str, Any]:
    """Return how a part of an effect's block is painted."""
    if kind == "handed":
        return {"facecolor": colour, "edgecolor": "none"}
    if kind == "beyond":
        return {"facecolor": paper(ax), "edgecolor": colour, "hatch": "//////", "linewidth": 0.8}
    return {"facecolor": paper(ax), "edgecolor": colour, "linestyle": (0, (2, 1.5)), "linewidth": 0.9}


def draw_side(
    ax: Axes, side: Side, part: Ribbons, left: Stack, right: Stack, receivers: list[str], colours: Palette
) -> None:
    """Draw one method's side.

    Args:
        ax: Axes whose x is in points and whose y is in units of the output, downwards.
        side: Where.
        part: The numbers.
        left: Where the effects stand.
        right: Where the players stand.
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
            color=ink(ax),
            gid="player name",
            **PLAIN,
        )


def _effect(ax: Axes, side: Side, part: Ribbons, row: int, left: Stack, colours: Palette) -> None:
    """Draw an effect's block: what is handed out, what beyond it, what of it is dropped, and a note."""
    size, handed_out = float(part.sizes[row]), float(part.handed_out[row])
    colour = colours.of(float(part.values[row]))
    if size > abs(float(part.values[row])) * (1 + ROUNDING_SHARE):
        colour = NEUTRAL  # a fold of both signs
    top = _top(left, part, row)
    inner = side.towards * side.width
    rightly = min(size, handed_out)
    _rectangle(ax, side.near, top, inner, rightly, "handed", **block("handed", colour, ax))
    if handed_out > size * (1 + ROUNDING_SHARE):
        _rectangle(
            ax, side.near, top + size, inner, handed_out - size, "beyond", **block("beyond", colour, ax)
        )
    elif size > handed_out * (1 + ROUNDING_SHARE):
        _rectangle(
            ax,
            side.near,
            top + handed_out,
            inner,
            size - handed_out,
            "dropped",
            **block("dropped", colour, ax),
        )
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
            color=ink(ax),
            gid="note",
        )


def notes_width(part: Ribbons, font: float) -> float:
    """Return the room that the notes beside the effects' blocks take, in points."""
    widths = [text_width(note, font) for row in range(len(part.values)) if (note := _note(part, row))]
    return max(widths) + 6.0 if widths else 0.0


def _note(part: Ribbons, row: int) -> str:
    """Say in a word how often an effect is counted, or that it is dropped or leaks."""
    size, handed_out, leaked = part.sizes[row], part.handed_out[row], part.flows[:, 1, row].sum()
    if handed_out <= ROUNDING_SHARE * size:
        return "dropped" if size > 0 else ""
    if leaked > WORTH_A_NOTE * handed_out:
        return f"leak {leaked / handed_out:.0%}"
    value = float(part.values[row])
    if abs(value) < size * (1 - ROUNDING_SHARE):  # a fold of both signs has no ratio of sums
        ratio = float(handed_out / size)
    else:
        ratio = float(part.net[row]) / value
    return (
        "" if abs(ratio - 1.0) < WORTH_A_NOTE else f"×{ratio:.2f}".rstrip("0").rstrip(".").replace("-", "−")
    )


def _top(left: Stack, part: Ribbons, row: int) -> float:
    """Return the upper edge of a method's own block in the slot that both methods share."""
    height = max(float(part.sizes[row]), float(part.handed_out[row]))
    return float(left.tops[row] + (left.heights[row] - height) / 2)


def _bands(ax: Axes, side: Side, part: Ribbons, left: Stack, right: Stack, colours: Palette) -> None:
    """Draw every band, stacked in the order of the other ends so that none crosses at its own block."""
    starts = np.array([_top(left, part, row) for row in range(len(part.values))])
    ends = right.tops + (right.heights - part.received) / 2
    x0 = side.near + side.towards * side.width
    x1 = side.far - side.towards * side.width
    below = ends.copy()
    corners: dict[tuple[int, int, int, int], tuple[float, float]] = {}
    for row in range(len(part.values)):
        for column in range(len(ends)):
            for leak in (0, 1):
                for sign in (0, 1):
                    height = float(part.flows[sign, leak, row, column])
                    corners[sign, leak, row, column] = (starts[row], below[column])
                    starts[row] += height
                    below[column] += height
    for (sign, leak, row, column), (y0, y1) in corners.items():
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
    """Draw one band: two cubic curves with level ends, as high everywhere as the share it stands for."""
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
        look |= {"hatch": "xxxx", "edgecolor": ink(ax), "alpha": 0.55, "linewidth": 0.6}
    ax.add_patch(PathPatch(Path(vertices, codes), gid=gid, **look))


def _rectangle(ax: Axes, x: float, y: float, width: float, height: float, gid: str, **look: Any) -> None:
    """Draw a part of a block; a width may be negative, a part without height is none."""
    from matplotlib.patches import Rectangle

    if height > 0.0:
        ax.add_patch(Rectangle((x, y), width, height, gid=gid, **look))

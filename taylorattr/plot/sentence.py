"""A sentence: tokens set in lines and coloured by their scores, pairs of tokens joined by arcs above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.errors import OptionError
from taylorattr.plot.entries import Effects, Folded, check_count, folded, player_scores
from taylorattr.plot.graph_parts import GraphParts, effect_parts, graph_parts
from taylorattr.plot.labels import PLAIN, fitting_font, number, room, shortened, text_width
from taylorattr.plot.style import INK, NEUTRAL, Palette, axes, chosen, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_WIDTH = 7.5
"""Width of a figure, in inches."""

ONE_LINE_FONT, USUAL_FONT, SMALLEST_TOKEN_FONT = 14.0, 10.0, 5.0
"""Font of the tokens, in points: of a sentence that fits one line, of others, in small axes."""

NOTE_SIZE = 0.67
"""Font of the score below a token over the token's."""

ARC_ROOM = 3.0
"""Room for arcs above a line over the font of its tokens."""

FOOT_ROOM = 30.0
"""Room for what the arcs leave out, in points."""

BOX_PADDING, BOX_GAP = 4.0, 5.0
"""Between a token and the sides of its box, and between two boxes, in points."""


@dataclass(frozen=True)
class TokenBox:
    """Where a token stands.

    Attributes:
        left: Left edge.
        top: Upper edge.
        width: Width.
        line: Number of its line.
    """

    left: float
    top: float
    width: float
    line: int

    @property
    def middle(self) -> float:
        """Middle from left to right."""
        return self.left + self.width / 2


@dataclass(frozen=True)
class Setting:
    """Tokens in lines.

    Attributes:
        boxes: One per token.
        font: Size of the tokens.
        tall: Height of a box.
        arcs: Room above each line.
        height: Height of everything.
    """

    boxes: tuple[TokenBox, ...]
    font: float
    tall: float
    arcs: float
    height: float


def set_in_lines(
    tokens: Sequence[str], notes: Sequence[str], width: float, font: float, arcs: float
) -> Setting:
    """Set tokens side by side, and on a new line where the width ends.

    Args:
        tokens: The texts.
        notes: A small text below each, "" for none.
        width: Room from left to right, in points.
        font: Size of the tokens, in points; notes are two thirds of it.
        arcs: Room above each line, in points.

    Returns:
        Where everything stands.
    """
    noted = any(notes)
    tall = font * (2.5 if noted else 1.6)
    starts: list[tuple[float, float, int]] = []
    x, line = 0.0, 0
    for token, note in zip(tokens, notes, strict=True):
        wide = (
            max(text_width(token, font), text_width(note, font * NOTE_SIZE) if note else 0.0)
            + 2 * BOX_PADDING
        )
        if x > 0.0 and x + wide > width:
            x, line = 0.0, line + 1
        starts.append((x, wide, line))
        x += wide + BOX_GAP
    pitch = arcs + tall + 4.0  # a little air below each line
    boxes = tuple(TokenBox(left, arcs + row * pitch, wide, row) for left, wide, row in starts)
    return Setting(boxes, font, tall, arcs, (line + 1) * pitch)


def one_line_or(
    tokens: Sequence[str], notes: Sequence[str], width: float, largest: float, usual: float
) -> Setting:
    """Return one line in the largest font that allows it, from ``usual`` on; else lines in the usual one."""
    font = largest
    while True:
        setting = set_in_lines(tokens, notes, width, font, arcs=font * ARC_ROOM)
        if font <= usual or setting.boxes[-1].line == 0:
            return setting
        font -= 0.5


def fitted(
    tokens: Sequence[str], notes: Sequence[str], width: float, height: float, largest: float, smallest: float
) -> Setting:
    """Return the largest setting that fits a width and a height; the smallest font where none does."""
    font = largest
    while True:
        setting = set_in_lines(tokens, notes, width, font, arcs=font * ARC_ROOM)
        if setting.height <= height or font <= smallest:
            return setting
        font -= 0.5


def sentence(
    scores: Attribution | Effects | AuditReport | nx.Graph,
    pairs: Effects | AuditReport | nx.Graph | None = None,
    *,
    k: int = 8,
    tokens: Sequence[str] | None = None,
    numbers: bool = True,
    example: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw a sentence whose tokens are coloured by score and joined by arcs where two interact.

    The players are the tokens, in reading order. Colour is the sign and its strength the size, one scale for
    tokens and one (line width) for arcs. Below stands what is not drawn: the other pairs, and effects of
    three and more.

    Args:
        scores: An attribution; or effects, whose independent effects J({i}) colour the tokens; or an audit
            with its measured effects; or a graph of ``ta.interaction_graph``.
        pairs: Effects whose J({i, j}) are the arcs, or a graph; None: those of ``scores``, if it has any.
        k: Arcs drawn, those with the largest |J|.
        tokens: Texts of the tokens; None: the players' names.
        numbers: Whether to write each score below its token.
        example: Which example of the batch.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure. Small axes take a smaller font.

    Returns:
        The figure and the axes. The group id of a token's box is ``token:i``, that of an arc ``pair:i:j``.

    Raises:
        OptionError: If the arguments are no results, differ in players, or are out of range.
        NonFiniteError: If a score or an effect is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("k", k)
    if isinstance(scores, Attribution):
        values, names = player_scores(scores, example), scores.names
    else:
        alone = _parts(scores, example)
        values, names = alone.alone, alone.names
    if pairs is None and not isinstance(scores, Attribution):
        pairs = scores
    paired = None if pairs is None else _parts(pairs, example)
    if paired is not None and paired.names != names:
        raise OptionError(
            f"scores of {len(names)} players and pairs of {len(paired.names)} others; pass the same players= "
            "to both"
        )
    texts = list(names if tokens is None else tokens)
    if len(texts) != len(names):
        raise OptionError(f"{len(texts)} tokens for {len(names)} players; give one each")
    texts = [shortened(str(text), 24) or "␣" for text in texts]
    notes = [number(float(value)) if numbers else "" for value in values]

    inner = 72.0 * FIGURE_WIDTH - 8.0
    # the figure is made for the text; axes that were given may be smaller, and the text is set again below
    free = one_line_or(texts, notes, inner, ONE_LINE_FONT, USUAL_FONT)
    figure, ax = axes(ax, (FIGURE_WIDTH, (free.height + FOOT_ROOM + 8.0) / 72.0))
    ax.set_axis_off()
    wide, high = room(ax, settle=True)
    setting = fitted(texts, notes, wide, high - FOOT_ROOM + 1.0, free.font, SMALLEST_TOKEN_FONT)
    if setting.height > high - FOOT_ROOM + 1.0:  # no room for numbers, and not for long tokens
        texts, notes = [shortened(text, 10) for text in texts], [""] * len(texts)
        setting = fitted(texts, notes, wide, high - FOOT_ROOM + 1.0, free.font, 3.0)
    ax.set_xlim(0.0, wide)
    ax.set_ylim(max(high, setting.height + FOOT_ROOM), 0.0)
    _tokens(ax, setting, texts, notes, values, colours)
    foot = [_token_line(values, scores)]
    if paired is not None:
        parts = folded(paired.strengths, k)
        drawn = [(int(i), int(j)) for i, j in paired.pairs[parts.largest]]
        _arcs(ax, setting, drawn, paired.strengths[parts.largest], colours)
        foot.append(_pair_line(parts, paired))
    longest = max(foot, key=len)
    ax.text(
        0.0,
        setting.height + 4.0,
        "\n".join(foot),
        va="top",
        fontsize=fitting_font(longest, wide, 7.5, 3.5),
        color=ink(ax),
        **PLAIN,
    )
    return figure, ax


def _parts(source: Effects | AuditReport | nx.Graph, example: int) -> GraphParts:
    """Return what tokens do alone and in pairs."""
    return graph_parts(source, example) if isinstance(source, nx.Graph) else effect_parts(source, example)


def _token_line(values: np.ndarray, scores: Attribution | Effects | AuditReport | nx.Graph) -> str:
    """Return what the colours are, and what they add up to."""
    what = scores.method if isinstance(scores, Attribution) else "independent effects"
    if not values.any():
        return f"Colour: {what}; all are 0."
    total, top = number(float(values.sum())), number(float(np.abs(values).max()), sign=False)
    return f"Colour: {what}, sum {total}, full colour at {top}."


def _pair_line(parts: Folded, pairs: GraphParts) -> str:
    """Return which pairs the arcs are, and what neither arcs nor colours show."""
    absent, size = pairs.left_out
    count = int((pairs.strengths != 0).sum()) + absent
    if count == 0:
        words = "No pair interacts."
    elif absent:
        words = (
            f"Arcs: the {len(parts.largest)} largest of {count:,} pairs; the others have Σ|·| "
            f"{number(parts.size + size, sign=False)}."
        )
    elif len(parts.rest):
        words = (
            f"Arcs: the {len(parts.largest)} largest of {count:,} pairs; the others sum to "
            f"{number(parts.total)}, Σ|·| {number(parts.size, sign=False)}."
        )
    else:
        words = f"Arcs: all {count} pairs that interact."
    rest = pairs.beyond
    return words + (f" Effects of three and more: Σ|·| {number(rest, sign=False)}." if rest else "")


def _tokens(
    ax: Axes, setting: Setting, texts: list[str], notes: list[str], values: np.ndarray, colours: Palette
) -> None:
    """Draw each token in a box of its colour, its score below it."""
    from matplotlib.patches import FancyBboxPatch

    top = float(np.abs(values).max(initial=0.0)) or 1.0  # all scores 0: every token is white
    shades = colours.colour_map()
    for position, (box, text, note) in enumerate(zip(setting.boxes, texts, notes, strict=True)):
        level = float(values[position]) / top
        patch = FancyBboxPatch(
            (box.left, box.top),
            box.width,
            setting.tall,
            boxstyle="round,pad=0,rounding_size=2.5",
            facecolor=shades(0.5 + 0.5 * level),
            edgecolor=NEUTRAL,
            linewidth=0.4,
            gid=f"token:{position}",
            zorder=2,
        )
        ax.add_patch(patch)
        ink = "white" if abs(level) > 0.6 else INK  # readable on the darker shades
        middle = box.top + setting.tall * (0.34 if note else 0.5)
        ax.text(
            box.middle, middle, text, ha="center", va="center", fontsize=setting.font, color=ink,
            zorder=3, gid="token", **PLAIN,
        )  # fmt: skip
        if note:
            ax.text(
                box.middle, box.top + setting.tall * 0.77, note, ha="center", va="center",
                fontsize=setting.font * NOTE_SIZE, color=ink, zorder=3, gid="note",
            )  # fmt: skip


def _arcs(
    ax: Axes, setting: Setting, pairs: list[tuple[int, int]], values: np.ndarray, colours: Palette
) -> None:
    """Draw an arc per pair, the widest last, and its number where there is room for it."""
    top = float(np.abs(values).max(initial=0.0)) or 1.0
    written: list[tuple[float, float, float, float]] = []
    for (i, j), value in zip(pairs, values, strict=True):
        first, second = setting.boxes[i], setting.boxes[j]
        if first.line == second.line:
            apex = _over(ax, setting, first, second)
        else:
            apex = _across(ax, setting, first, second)
        patch = ax.patches[-1]
        patch.set(
            edgecolor=colours.of(float(value)), linewidth=0.8 + 3.2 * abs(float(value)) / top, alpha=0.85,
            facecolor="none", gid=f"pair:{i}:{j}", zorder=1.5, capstyle="round",
        )  # fmt: skip
        note = number(float(value))
        wide, tall = text_width(note, 6.5) + 3.0, 8.0
        # at the arc's highest point, else beside it; a number that finds no room is left out
        for shift in (0.0, -tall, tall, -0.5 * wide, 0.5 * wide):
            x, y = (apex[0], apex[1] + shift) if abs(shift) == tall else (apex[0] + shift, apex[1])
            area = (x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2)
            if area[1] > -2.0 and not any(_touch(area, other) for other in [*written, *_areas(setting)]):
                written.append(area)
                label = ax.text(
                    x, y, note, ha="center", va="center", fontsize=6.5, color=ink(ax), zorder=4, gid="arc"
                )
                label.set_bbox({"facecolor": paper(ax), "edgecolor": "none", "pad": 0.4, "alpha": 0.85})
                break


def _areas(setting: Setting) -> list[tuple[float, float, float, float]]:
    """Return left, top, right and bottom of every token's box."""
    return [(b.left, b.top, b.left + b.width, b.top + setting.tall) for b in setting.boxes]


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _over(ax: Axes, setting: Setting, first: TokenBox, second: TokenBox) -> tuple[float, float]:
    """Draw an arc above a line, the higher the wider; return its highest point."""
    span = second.middle - first.middle
    widest = max(box.left + box.width for box in setting.boxes)
    height = setting.arcs * (0.3 + 0.62 * min(1.0, span / max(0.7 * widest, 1.0)))
    lift = height / 0.75  # a cubic with both handles at the same height reaches three quarters of it
    x0, x1, y = first.middle, second.middle, first.top
    _curve(ax, [(x0, y), (x0 + 0.15 * span, y - lift), (x1 - 0.15 * span, y - lift), (x1, y)])
    return (x0 + x1) / 2, y - height


def _across(ax: Axes, setting: Setting, first: TokenBox, second: TokenBox) -> tuple[float, float]:
    """Draw a curve from below one token to above another on a later line; return its middle."""
    start = (first.middle, first.top + setting.tall)
    end = (second.middle, second.top)
    bend = 0.5 * (end[1] - start[1])
    _curve(ax, [start, (start[0], start[1] + bend), (end[0], end[1] - bend), end])
    return (start[0] + end[0]) / 2, (start[1] + end[1]) / 2


def _curve(ax: Axes, points: list[tuple[float, float]]) -> None:
    """Add a cubic through its two ends with two handles between; the caller colours it."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    ax.add_patch(PathPatch(Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])))

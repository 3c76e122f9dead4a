"""Small images in rows, with words above and below each: what pictures of maps have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from torch import Tensor

from taylorattr.errors import OptionError, require_instance
from taylorattr.plot.entries import one_example
from taylorattr.plot.labels import (
    CHARACTER_WIDTH,
    PLAIN,
    clean,
    distinct,
    fitting_font,
    number,
    room,
    shortened,
    text_width,
)
from taylorattr.plot.ring import wrapped
from taylorattr.plot.style import NEUTRAL, Palette, axes, faint, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Shades: TypeAlias = Literal["signed", "amount", "grey"]
"""From the negative colour over white to the positive one; from white to the positive one; black to white."""

TITLE_FONT, WORD_FONT, LEAST_FONT = 9.0, 7.0, 5.0
"""Of a strip's title and of all other words, in points, and the smallest of both."""

PITCH = 1.4
"""Height of a line over the size of its font."""

GAP, BELOW = 10.0, 2.0
"""Between strips, and between an image and the words below it, in points."""

LEAST_SIDE, LEAST_STRIP = 26.0, 90.0
"""Width of an image, and of a strip beside others, below which fewer are drawn, in points."""

OWN_SIDE, OWN_LEAST_SIDE, OWN_STRIP, OWN_WIDTH, WIDEST = 58.0, 40.0, 122.0, 260.0, 900.0
"""Of a figure of its own, in points: width of an image, usual and least; least width of a strip; width of the
whole, least and about the largest."""

DRAWN_WIDTH = 0.94
"""Of its room that a line is given: letters set for a screen run up to that much wider than in outline."""

BOLD_WIDTH = 0.84
"""The same of bold letters, which are measured as plain ones."""

MOST_NOTE_LINES = 5
"""Lines below a strip; a longer note ends in an ellipsis."""


@dataclass(frozen=True)
class Panel:
    """One image.

    Attributes:
        pixels: Shape (H, W); NaN is left white.
        limits: Numbers at the two ends of the colours.
        above: Words above it.
        below: Lines below it.
        shades: How numbers become colours.
    """

    pixels: np.ndarray
    limits: tuple[float, float]
    above: str = ""
    below: tuple[str, ...] = ()
    shades: Shades = "signed"


@dataclass(frozen=True)
class Strip:
    """Images in a row.

    Attributes:
        title: Words above all, on the left.
        panels: The images.
        scale: What full colour is, on the right of the title; empty where it is said elsewhere.
        note: Words below all, in as many lines as they need.
    """

    title: str
    panels: tuple[Panel, ...]
    scale: str = ""
    note: str = ""


def as_image(values: np.ndarray) -> np.ndarray:
    """Return what is drawn of one example's numbers, shape (H, W).

    An image is summed over the dimensions before its last two; numbers in a row become a block, row by row,
    whose last places may be NaN.
    """
    if values.ndim >= 2:
        return values.reshape(-1, *values.shape[-2:]).sum(axis=0)
    flat = values.reshape(-1)
    least = max(1, math.ceil(math.sqrt(flat.size)))
    # a full block if there is one not too long
    across = next((c for c in range(least, 2 * least + 1) if flat.size % c == 0), least)
    block = np.full(across * math.ceil(max(flat.size, 1) / across), np.nan)
    block[: flat.size] = flat
    return block.reshape(-1, across)


def largest(*images: np.ndarray) -> float:
    """Return the largest |number| of images, 1 where all are 0: full colour of what is shared."""
    return max((float(np.nanmax(np.abs(image), initial=0.0)) for image in images), default=0.0) or 1.0


def examples_of(example: int | Sequence[int]) -> tuple[int, ...]:
    """Return the examples asked for.

    Raises:
        OptionError: If there is none.
    """
    chosen = (example,) if isinstance(example, int) else tuple(example)
    if not chosen:
        raise OptionError("example=() names no example; give a number, or several")
    return chosen


def signed_panel(image: np.ndarray, above: str = "") -> Panel:
    """Return an image on a scale of its own, symmetric around 0, with the number of full colour below."""
    limit = largest(image)
    return Panel(image, (-limit, limit), above, (scale_words(image),))


def input_panels(inputs: Tensor, examples: Sequence[int], above: str = "") -> list[Panel]:
    """Return the inputs of some examples in shades of grey, over the range of them all.

    Raises:
        OptionError: If there is no such example.
        NonFiniteError: If a number is NaN or infinite.
    """
    require_instance("inputs", inputs, Tensor, "a tensor (B, …), whose examples are drawn")
    images = [as_image(one_example(inputs, e, "inputs")) for e in examples]
    low, high = (float(f([f(image) for image in images])) for f in (np.nanmin, np.nanmax))
    # one number everywhere is neither black nor white
    ends = (low, high) if low < high else (low - 1.0, high + 1.0)
    return [Panel(image, ends, above, shades="grey") for image in images]


def scale_words(*images: np.ndarray) -> str:
    """Return what full colour means where images share a scale."""
    return (
        f"±{number(largest(*images), sign=False)}" if any(np.nansum(np.abs(i)) for i in images) else "all 0"
    )


def draw_strips(
    strips: Sequence[Strip],
    colours: Palette,
    ax: Axes | None,
    *,
    foot: str,
    images: str,
    rows: str,
    hidden: int = 0,
) -> tuple[Figure, Axes]:
    """Draw strips below and beside each other, all images as large as there is room for.

    Strips and images that find no room are counted at the foot; of the images of a strip the first, the last
    and some between them are drawn.

    Args:
        strips: At least one.
        colours: The palette.
        ax: Axes to draw on; None makes a figure.
        foot: What colours mean, and what else holds for all.
        images: What the images of a strip are, in the plural.
        rows: What the strips are, in the plural.
        hidden: Strips that were left out before.

    Returns:
        The figure and the axes.
    """
    own = ax is None
    figure, ax = axes(ax, (1.0, 1.0))
    ax.set_axis_off()
    room_of_images, least = (WIDEST, OWN_LEAST_SIDE) if own else (room(ax, settle=True)[0], LEAST_SIDE)
    # names may be shortened, numbers not
    numbers = (line for strip in strips for panel in strip.panels for line in panel.below)
    least = max(least, *(text_width(line, LEAST_FONT) / DRAWN_WIDTH for line in numbers), 0.0)
    most = max(len(strip.panels) for strip in strips)
    fitting = max(1, min(most, int((room_of_images - GAP) / (least + 3.0))))
    if fitting < most:
        # ends and what lies evenly between them
        strips = [_thinned(strip, fitting) for strip in strips]
        foot += f"; {fitting} of {most} {images} drawn"
    if own:
        figure.set_size_inches(*_own_size(strips, foot))
        figure.set_layout_engine("none")
        ax.set_position((0.01, 0.01, 0.98, 0.98))
    width, height = room(ax, settle=True)
    # what is not drawn is known only when there is a plan
    below = _foot_height(f"{foot}; {len(strips)} more {rows} not drawn", width)
    shown, columns, side = _plan(strips, width, height - below, least)
    hidden += len(strips) - shown
    if hidden:
        foot += f"; {hidden} more {rows} not drawn"
    paper = _Paper(ax, colours, width, height)
    _draw(paper, strips[:shown], columns, side, least)
    paper.foot(foot)
    return figure, ax


def _own_size(strips: Sequence[Strip], foot: str) -> tuple[float, float]:
    """Return the size of a figure in inches."""
    most = max(len(strip.panels) for strip in strips)
    across = min(max(most * (OWN_SIDE + 3.0), OWN_STRIP), WIDEST - GAP)
    columns = max(1, min(len(strips), int(WIDEST / (across + GAP))))
    rows = math.ceil(len(strips) / columns)
    columns = math.ceil(len(strips) / rows)
    wide = max(columns * (across + GAP), OWN_WIDTH)
    notes = max(len(_note(strip, wide / columns - GAP)) for strip in strips)
    high = _words(strips, notes) + OWN_SIDE * _ratio(strips) + GAP
    # a hair more than is needed, so that rounding takes no pixel of the images
    return (wide + 1) / 72 / 0.98, (rows * high + _foot_height(foot, wide) + 1) / 72 / 0.98


def _foot_height(foot: str, width: float) -> float:
    """Return the height of what stands below all: a line that names the colours, and the words."""
    return PITCH * WORD_FONT * (1 + len(_lines(foot, width)))


def _lines(text: str, width: float) -> list[str]:
    return wrapped(clean(text), WORD_FONT, DRAWN_WIDTH * width)


def _words(strips: Sequence[Strip], notes: int) -> float:
    """Return the height of all words of a strip."""
    above = any(panel.above for strip in strips for panel in strip.panels)
    below = max(len(panel.below) for strip in strips for panel in strip.panels)
    return PITCH * (TITLE_FONT + WORD_FONT * (above + below + notes)) + 2 * BELOW


def _ratio(strips: Sequence[Strip]) -> float:
    """Return height over width of the place of an image."""
    shapes = [panel.pixels.shape for strip in strips for panel in strip.panels]
    return min(2.0, max(0.4, *(high / wide for high, wide in shapes)))


def _thinned(strip: Strip, count: int) -> Strip:
    places = np.linspace(0, len(strip.panels) - 1, min(count, len(strip.panels))).round().astype(int)
    return replace(strip, panels=tuple(strip.panels[i] for i in dict.fromkeys(places.tolist())))


def _note(strip: Strip, width: float) -> list[str]:
    """Return the lines below a strip."""
    if not strip.note:
        return []
    lines = _lines(strip.note, width)
    if len(lines) > MOST_NOTE_LINES:
        lines = [*lines[: MOST_NOTE_LINES - 1], f"{lines[MOST_NOTE_LINES - 1]} …"]
    return lines


def _plan(strips: Sequence[Strip], width: float, height: float, cell: float) -> tuple[int, int, float]:
    """Return how many strips are drawn, how many stand beside each other, and the width of an image."""
    most = max(len(strip.panels) for strip in strips)
    ratio, side = _ratio(strips), 0.0
    for shown in range(len(strips), 0, -1):
        best = (0.0, 1)
        for columns in range(1, shown + 1):
            across = width / columns - GAP
            if columns > 1 and across < max(LEAST_STRIP, most * (cell + 3.0)):
                break
            notes = max(len(_note(strip, across)) for strip in strips[:shown])
            high = height / math.ceil(shown / columns) - GAP - _words(strips[:shown], notes)
            best = max(best, (min(across / most - 3.0, high / ratio), columns))
        side, columns = best
        if side >= LEAST_SIDE:
            return shown, columns, side
    return 1, 1, max(side, 4.0)


def _draw(paper: _Paper, strips: Sequence[Strip], columns: int, side: float, least: float) -> None:
    across = paper.width / columns - GAP
    notes = [_note(strip, across) for strip in strips]
    above = any(panel.above for strip in strips for panel in strip.panels)
    tall = side * _ratio(strips)
    step = _words(strips, max(map(len, notes))) + tall + GAP
    room_of_titles = across - max(text_width(strip.scale, WORD_FONT) for strip in strips) / DRAWN_WIDTH - 6.0
    limit = max(5, int(room_of_titles / (CHARACTER_WIDTH * LEAST_FONT / BOLD_WIDTH)))
    titles = distinct([strip.title for strip in strips], limit)
    for place, (strip, title, lines) in enumerate(zip(strips, titles, notes, strict=True)):
        row, column = divmod(place, columns)
        left, top = column * (across + GAP), row * step
        paper.words(left, top, title, TITLE_FONT, room_of_titles, weight="bold")
        if strip.scale:
            down = top + PITCH * (TITLE_FONT - WORD_FONT)
            paper.words(left + across, down, strip.scale, WORD_FONT, across, ha="right", color=NEUTRAL)
        top += PITCH * TITLE_FONT
        # words may be wider than images that are small because the axes are low
        most = max(len(s.panels) for s in strips)
        cell = min(across / most, max(side + 3.0, least + 3.0, 2.2 * side if above else 0.0))
        for place_of, panel in enumerate(strip.panels):
            # one image alone stands below the beginning of its title
            middle = left + (side / 2 if len(strip.panels) == 1 else (place_of + 0.5) * cell)
            down = top
            if above:
                paper.words(middle, down, panel.above, WORD_FONT, cell - 3.0, ha="center")
                down += PITCH * WORD_FONT
            paper.image(middle, down, side, tall, panel)
            for line, text in enumerate(panel.below):
                at = down + tall + BELOW + PITCH * WORD_FONT * line
                paper.words(middle, at, text, WORD_FONT, cell - 3.0, ha="center")
        lowest = max(len(panel.below) for s in strips for panel in s.panels)
        down = top + PITCH * WORD_FONT * (above + lowest) + tall + 2 * BELOW
        for line, text in enumerate(lines):
            paper.words(left, down + PITCH * WORD_FONT * line, text, WORD_FONT, across)


class _Paper:
    """Axes whose units are points, counted from the upper left."""

    def __init__(self, ax: Axes, colours: Palette, width: float, height: float) -> None:
        self.ax, self.colours, self.width, self.height = ax, colours, width, height
        ax.set_xlim(0, width)
        ax.set_ylim(height, 0)

    def words(
        self,
        x: float,
        y: float,
        text: str,
        font: float,
        width: float,
        *,
        color: str | None = None,
        **where: str,
    ) -> float:
        """Write one line below y that is at most so wide, and return its width."""
        text = clean(text)
        width *= BOLD_WIDTH if "weight" in where else DRAWN_WIDTH
        for limit in range(min(len(text), 200), 0, -1):
            line = shortened(text, limit)
            if limit <= 4 or text_width(line, LEAST_FONT) <= width:
                text = line
                break
        size = fitting_font(text, width, font)
        written = self.ax.text(
            x, y, text, fontsize=size, color=color or ink(self.ax), va="top", **where, **PLAIN
        )
        written.set_in_layout(False)  # a layout would shrink the axes for it
        return text_width(text, size)

    def image(self, middle: float, top: float, wide: float, high: float, panel: Panel) -> None:
        """Draw an image as large as its place allows, with a thin frame."""
        from matplotlib.patches import Rectangle

        rows, columns = panel.pixels.shape
        scale = min(wide / columns, high / rows)
        across, down = scale * columns, scale * rows
        left, top = middle - across / 2, top + (high - down) / 2
        low, high = panel.limits
        self.ax.imshow(
            panel.pixels, cmap=self._colour_map(panel.shades), vmin=low, vmax=high, aspect="auto",
            interpolation="nearest", extent=(left, left + across, top + down, top),
        )  # fmt: skip
        self.ax.add_patch(
            Rectangle(
                (left, top), across, down, fill=False, edgecolor=faint(self.ax), linewidth=0.6, clip_on=False
            )
        )
        # an image takes the limits of the axes with it
        self.ax.set_xlim(0, self.width)
        self.ax.set_ylim(self.height, 0)

    def _colour_map(self, shades: Shades) -> str | Colormap:
        from matplotlib.colors import LinearSegmentedColormap

        if shades == "grey":
            return "gray"
        if shades == "signed":
            return self.colours.colour_map()
        return LinearSegmentedColormap.from_list("amount", ["#ffffff", self.colours.positive])

    def foot(self, text: str) -> None:
        """Write what holds for all at the bottom, below the names of the colours."""
        lines = _lines(text, self.width)
        for line, words in enumerate(reversed(lines)):
            self.words(0.0, self.height - PITCH * WORD_FONT * (line + 1), words, WORD_FONT, self.width)
        top, left = self.height - PITCH * WORD_FONT * (len(lines) + 1), 0.0
        for sign, colour in (("■ positive", self.colours.positive), ("■ negative", self.colours.negative)):
            left += 8.0 + self.words(left, top, sign, WORD_FONT, self.width, color=colour) / DRAWN_WIDTH

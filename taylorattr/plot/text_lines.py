"""Tokens set in lines, with room for arcs above each line; everything in points, downwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taylorattr.plot.labels import text_width

PAD = 4.0
"""Between a token and the sides of its box, in points."""

SPACE = 5.0
"""Between two boxes, in points."""


@dataclass(frozen=True)
class Box:
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

    boxes: tuple[Box, ...]
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
    places: list[tuple[float, float, int]] = []
    x, line = 0.0, 0
    for token, note in zip(tokens, notes, strict=True):
        wide = max(text_width(token, font), text_width(note, font * 0.67) if note else 0.0) + 2 * PAD
        if x > 0.0 and x + wide > width:
            x, line = 0.0, line + 1
        places.append((x, wide, line))
        x += wide + SPACE
    pitch = arcs + tall + 4.0
    boxes = tuple(Box(left, arcs + at * pitch, wide, at) for left, wide, at in places)
    return Setting(boxes, font, tall, arcs, (line + 1) * pitch)


def one_line_or(
    tokens: Sequence[str], notes: Sequence[str], width: float, largest: float, usual: float
) -> Setting:
    """Return one line in the largest font that allows it, from ``usual`` on; else lines in the usual one."""
    font = largest
    while True:
        setting = set_in_lines(tokens, notes, width, font, arcs=font * 3.0)
        if font <= usual or setting.boxes[-1].line == 0:
            return setting
        font -= 0.5


def fitted(
    tokens: Sequence[str], notes: Sequence[str], width: float, height: float, largest: float, smallest: float
) -> Setting:
    """Return the largest setting that fits a width and a height; the smallest font where none does."""
    font = largest
    while True:
        setting = set_in_lines(tokens, notes, width, font, arcs=font * 3.0)
        if setting.height <= height or font <= smallest:
            return setting
        font -= 0.5

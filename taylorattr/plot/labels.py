"""Names and numbers in pictures: names of any length and any characters are text, and fit their place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}
"""Passed to every text that holds a user's name: a ``$`` is a dollar."""

SMALLEST_ROW_FONT = 6.0
"""Smallest font of rows, in points, before rows are folded instead."""

LARGEST_ROW_FONT = 9.0
"""Font of rows that have room, in points."""

ROW_PITCH = 1.35
"""Height of a row over the size of its font."""

CHARACTER_WIDTH = 0.56
"""Mean width of a character of the default font over the size of the font."""

SHORTEST_PART = 8
"""Characters below which a name among others in a label is no longer recognised."""

SHORTEST_BEGINNING = 4
"""Characters that names must share for their common beginning to be written once."""


def clean(name: str) -> str:
    """Return a name on one line: runs of white space become one space, what cannot be printed a �."""
    joined = " ".join(name.split())
    return "".join(c if c.isprintable() else "�" for c in joined)


def shortened(name: str, limit: int) -> str:
    """Return a name of at most ``limit`` characters; of a longer one the middle gives way to an ellipsis."""
    name = clean(name)
    if len(name) <= limit:
        return name
    letters = max(limit - 1, 1)  # one place goes to the ellipsis
    tail = letters // 3  # beginnings tell names apart more often than ends
    return f"{name[: letters - tail]}…{name[len(name) - tail :]}"


def distinct(names: Sequence[str], limit: int) -> list[str]:
    """Return names of at most ``limit`` characters, shortened so that different names stay different.

    Names that would look alike keep what they differ in: what all of them begin with and end in gives way.
    Where even that is too long, they end in their number in the list.

    Args:
        names: The names; equal ones stay equal.
        limit: Characters of each, at least 5.
    """
    cleaned = [clean(name) for name in names]
    labels = {name: shortened(name, limit) for name in cleaned}
    # first by what names differ in; numbers are certain to differ, and say least
    for keep in (_middle, _numbered):
        alike: dict[str, list[str]] = {}
        for name, short in labels.items():
            alike.setdefault(short, []).append(name)
        for group in alike.values():
            if len(group) > 1:
                labels |= dict(zip(group, keep(group, [cleaned.index(n) for n in group], limit), strict=True))
    return [labels[name] for name in cleaned]


def _middle(group: Sequence[str], positions: Sequence[int], limit: int) -> list[str]:
    """Return what the names of a group differ in, after as much of their beginning as there is room for."""
    before = len(commonprefix(group))
    shortest = min(map(len, group))
    # beginning and end may overlap in short names: the end has what the beginning leaves
    after = min(len(commonprefix([name[::-1] for name in group])), shortest - before)
    result = []
    for name in group:
        middle = name[before : len(name) - after or None]
        end = "…" if after else ""
        free = limit - len(middle) - len(end) - 1
        result.append(
            f"{name[: max(0, min(free, before))]}…{middle}{end}" if free >= 0 else shortened(middle, limit)
        )
    return result


def _numbered(group: Sequence[str], positions: Sequence[int], limit: int) -> list[str]:
    """Return names that end in their number in the list, counted from 1."""
    ends = [f"#{position + 1}" for position in positions]
    return [shortened(name, max(1, limit - len(end))) + end for name, end in zip(group, ends, strict=True)]


def joined(parts: Sequence[str], limit: int, sign: str = " × ") -> str:
    """Return several names in one label, each shortened to its share; what finds no place is counted.

    Where they do not fit, a beginning that all share is written once.

    Args:
        parts: The names.
        limit: Characters in all.
        sign: What stands between them.
    """
    parts = [clean(part) for part in parts]
    whole = sign.join(parts)
    if len(whole) <= limit or not parts:
        return whole
    shared = len(commonprefix(parts))
    if len(parts) > 1 and shared >= SHORTEST_BEGINNING:  # patch[0,1] × …0,2]
        once = sign.join([parts[0], *(f"…{part[shared:]}" for part in parts[1:])])
        if len(once) <= limit:
            return once
    room = max(1, (limit + len(sign)) // (SHORTEST_PART + len(sign)))
    if len(parts) > room:
        written = max(1, room - 1)
        rest = f"{len(parts) - written} more"
        share = max(SHORTEST_PART, (limit - len(rest)) // written - len(sign))
        return sign.join([*(shortened(part, share) for part in parts[:written]), rest])
    free = limit - len(sign) * (len(parts) - 1)
    lengths = sorted(len(part) for part in parts)
    share = free // len(parts)
    for served, length in enumerate(lengths):  # short names leave their room to the long ones
        share = free // (len(parts) - served)
        if length > share:
            break
        free -= length
    return sign.join(shortened(part, share) for part in parts)


def numbered(names: Sequence[str]) -> list[str]:
    """Return the names; those that occur several times with their number in the list, counted from 1."""
    counts = Counter(names)
    return [f"{name} #{i}" if counts[name] > 1 else name for i, name in enumerate(names, 1)]


def told_apart(effects: Sequence[Sequence[str]], limit: int, everybody: Sequence[str] = ()) -> list[str]:
    """Return the label of each effect: its names joined, in about ``limit`` characters; no two are equal.

    A coalition that does not fit and holds most players is named by those it lacks. Labels that would be
    equal begin with what the effects do not have in common; where even that is cut to the same, they end in
    their number in the list.

    Args:
        effects: Names of each effect's players; no two effects have the same ones.
        limit: Characters of a label, or so.
        everybody: Names of all players, where an effect may be named by those it lacks.
    """
    labels = [_joined_or_lacking(parts, limit, everybody) for parts in effects]
    for again in (_different_first, _shorter_names, _with_number):
        alike: dict[str, list[int]] = {}
        for position, label in enumerate(labels):
            alike.setdefault(label, []).append(position)
        for group in alike.values():
            if len(group) > 1:
                renamed = again([effects[p] for p in group], group, limit)
                for position, label in zip(group, renamed, strict=True):
                    labels[position] = label
    return labels


def _joined_or_lacking(parts: Sequence[str], limit: int, everybody: Sequence[str]) -> str:
    """Return the names joined; of most players, where they do not fit, "all but" the others."""
    if 2 * len(parts) > len(everybody) > 0 and len(" × ".join(parts)) > limit:
        lacking = [name for name in everybody if name not in parts]
        label = f"all but {', '.join(map(clean, lacking))}" if lacking else f"all {len(everybody)} together"
        if len(label) <= limit:
            return label
    return joined(parts, limit)


def _ordered(group: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the names of each effect of a group, those that all of them hold last."""
    common = set(group[0]).intersection(*group)
    return [sorted(parts, key=lambda part: part in common) for parts in group]


def _different_first(group: Sequence[Sequence[str]], positions: Sequence[int], limit: int) -> list[str]:
    return [joined(parts, limit) for parts in _ordered(group)]


def _shorter_names(group: Sequence[Sequence[str]], positions: Sequence[int], limit: int) -> list[str]:
    """Return labels of names cut so that more of them find a place, and no two players look alike."""
    players = sorted({part for parts in group for part in parts})
    share = max(5, limit // max(map(len, group)) - len(" × "))
    short = dict(zip(players, distinct(players, share), strict=True))
    return [joined([short[part] for part in parts], limit) for parts in _ordered(group)]


def _with_number(group: Sequence[Sequence[str]], positions: Sequence[int], limit: int) -> list[str]:
    return [f"{joined(parts, max(limit - 4, 5))} #{p + 1}" for parts, p in zip(group, positions, strict=True)]


def number(value: float, sign: bool = True) -> str:
    """Return three digits of a number, with a proper minus."""
    if 1e3 <= abs(value) < 1e6:
        text = f"{value:+,.0f}" if sign else f"{value:,.0f}"
    else:
        text = f"{value:+.3g}" if sign else f"{value:.3g}"
    return text.replace("-", "−") if value else "0"


def room(ax: Axes, settle: bool = False) -> tuple[float, float]:
    """Return width and height of the axes in points.

    Args:
        ax: The axes.
        settle: Whether to let the figure's layout place the axes first: for axes without ticks and labels,
            which stay where they are then.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    # a layout runs when the figure is drawn, which is too late to fit texts to axes
    engine = figure.get_layout_engine() if settle else None
    if engine is not None:
        engine.execute(figure)
    box = ax.get_position()
    width, height = figure.get_size_inches()
    return 72.0 * width * box.width, 72.0 * height * box.height


def rows_that_fit(ax: Axes) -> int:
    """Return how many rows of the smallest font the axes hold."""
    return max(2, int(room(ax)[1] / (SMALLEST_ROW_FONT * ROW_PITCH)))


def row_font(ax: Axes, rows: int) -> float:
    """Return the font in which so many rows stand below each other, in points."""
    return min(LARGEST_ROW_FONT, max(SMALLEST_ROW_FONT - 1, room(ax)[1] / (rows * ROW_PITCH)))


def characters(ax: Axes, share: float, font: float = LARGEST_ROW_FONT) -> int:
    """Return how many characters of a font take that share of the axes' width; at least 8, at most 60."""
    return int(min(60.0, max(8.0, share * room(ax)[0] / (CHARACTER_WIDTH * font))))


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Return the width of a text in the default font, in points; no renderer is needed."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(width)


def fitting_font(text: str, width: float, font: float, least: float = 4.0) -> float:
    """Return the font, at most ``font``, in which a text takes at most ``width`` points."""
    # widths are proportional to the font
    return max(least, min(font, font * width / max(text_width(text, font), 1e-9)))


def head(ax: Axes, text: str, font: float = 10.0, *, settle: bool = False, **where: Any) -> None:
    """Write a title, smaller where the axes are narrow; ``settle``: after names have taken their room."""
    ax.set_title(text, fontsize=fitting_font(text, 0.95 * room(ax, settle)[0], font), **PLAIN, **where)


def name_rows(ax: Axes, names: Sequence[str], font: float) -> None:
    """Name the rows 0, 1, … from top to bottom on the left."""
    ax.set_yticks(range(len(names)), names, fontsize=font, **PLAIN)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.4, -0.6)


def say(ax: Axes, message: str) -> None:
    """Write a sentence in the middle of axes that have nothing to show."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, message, transform=ax.transAxes, ha="center", va="center", wrap=True, **PLAIN)

"""Which attribution got what: effects on one side, players on the other, an allocation flowing between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from taylorattr.errors import OptionError
from taylorattr.plot.entries import check_count, folded
from taylorattr.plot.flow_bands import (
    Ribbons,
    Side,
    block,
    crossing_order,
    draw_side,
    notes_width,
    ribbons,
    scale,
    shrunk,
    stacked,
)
from taylorattr.plot.labels import (
    PLAIN,
    characters,
    distinct,
    fitting_font,
    number,
    room,
    say,
    shortened,
    text_width,
)
from taylorattr.plot.shares import Level, MeasuredShares, Shares, shares
from taylorattr.plot.style import NEUTRAL, Palette, axes, chosen, ink
from taylorattr.reformulation.result import Reformulation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT = 8.0
"""Font of names and scores, in points."""

LABEL_PITCH = 13.0
"""Height of a row's label, in points."""

TITLE_ROOM, LEGEND_ROOM, CHOICE_ROOM = 34.0, 34.0, 12.0
"""Room for the titles, for everything below, and of it for the line that says what is shown, in points."""

NARROWEST_SIDE = 210.0
"""Width that one method's side needs, in points."""

BLOCK_WIDTH = 12.0
"""Width of a block, in points."""

SMALLEST_NAMED_SHARE = 0.0005
"""Share of Σ|effects| that the line below a title names: it is written as 0.1 %."""


def allocation_flow(
    source: Reformulation | MeasuredShares,
    other: Reformulation | MeasuredShares | None = None,
    *,
    k: int = 12,
    players: int = 12,
    level: Level = "coalition",
    example: int = 0,
    reference: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw what a method hands from each effect to each player; with two methods, both on the same effects.

    Below stands how the effects were chosen, and how much of Σ|effects| they are. A block beside an effect's
    name is as high as the effect. Bands as high as |A_i(S)| leave it for the players. What the bands leave
    of the block is hollow: nobody is given it (*dropped*). What they take beyond it is hatched
    (*over-counted*; ``×2`` says that the shares add up to twice the effect). Bands with dark hatching go to
    a player outside the effect (*leak*). Colours are signs. All heights have one scale, in units of the
    output.

    Args:
        source: Result of ``ta.reformulate`` (ratios times effects) or of ``ta.audit`` (measured A_i(S)).
        other: A second one, drawn to the left of the same effects.
        k: Effects shown, those with the largest effect or shares, the largest first; the others are one row
            with their sum and Σ|·|. Where that would dwarf the rest it is drawn at 1/2, 1/3, … of its
            height, which its name says.
        players: Players shown, those with the largest shares; the others are one row.
        level: ``coalition``: Taylor terms of one support together; ``term``: each I(κ) by itself.
        example: Which example of the batch.
        reference: Which reference, for methods that average over a set.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes. The group id of a band is ``flow:row:column``, counted from the top, and its
        height at either end is |A_i(S)|.

    Raises:
        OptionError: If a source has no such table (a back-propagation method: its effects belong to units),
            the two differ in players or frame, or an argument is out of range.
        NonFiniteError: If an effect or a share is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.

    Source: docs/theory.md eq. (10), (52a).
    """
    colours = chosen(palette)
    check_count("k", k)
    check_count("players", players)
    tables = [shares(source, example, reference, level)]
    if other is not None:
        tables.append(shares(other, example, reference, level))
        _check_comparable(*tables)
    height = 0.9 + 0.27 * max(k + 1, 8)
    figure, ax = axes(ax, (8.0 if other is None else 11.5, height))
    ax.set_axis_off()
    wide, high = room(ax, settle=True)
    needed = NARROWEST_SIDE * len(tables)
    if wide < needed:
        raise OptionError(
            f"the axes are {wide / 72:.1f} inches wide; {len(tables)} method(s) beside the names of effects "
            f"and players need {needed / 72:.1f}"
        )
    # one row of each side is the fold of what finds no place
    fitting = max(2, int((high - TITLE_ROOM - LEGEND_ROOM) / LABEL_PITCH) - 1)
    k, players = min(k, fitting), min(players, fitting)
    if not any(table.handed_out.any() or table.values.any() for table in tables):
        say(ax, "every effect and every share is 0")
        return figure, ax
    keys = _chosen_keys(tables, k)
    columns = _chosen_columns(tables, players)
    rows = [[table.find(key) for key in keys] for table in tables]
    fold = (
        any(
            len(table.values) > len(keys) and _outside(table, own)
            for table, own in zip(tables, rows, strict=True)
        ),
        any(np.delete(table.matrix, columns, axis=1).any() for table in tables),
    )
    parts = [ribbons(table, own, columns, fold) for table, own in zip(tables, rows, strict=True)]
    flow = np.sum([part.flows.sum(axis=(0, 1))[:, : len(columns)] for part in parts], axis=0)
    order = crossing_order(flow)
    columns = [columns[position] for position in order]  # players beside the effects they draw on
    parts = [ribbons(table, own, columns, fold) for table, own in zip(tables, rows, strict=True)]

    both = len(tables) == 2  # with two methods the names of effects stand in the middle
    names = tables[0].labels(keys, min(40, characters(ax, 0.25 if both else 0.32, FONT)))
    smaller = shrunk(parts) if fold[0] else 1
    if fold[0]:
        hidden = max(int((np.abs(t.values) > 0).sum()) for t in tables) - len(keys)
        who = f"{hidden:,} other effects" if hidden > 0 else "other effects"
        names.append(f"{who}, at 1/{smaller}" if smaller > 1 else who)
        parts = [part.with_last_row(1.0 / smaller) for part in parts]
    longest = min(22, max(5, characters(ax, 0.16 if both else 0.3, FONT) - 7))
    receivers = distinct([tables[0].receivers[column] for column in columns], longest)
    if fold[1]:
        receivers.append(f"{len(tables[0].receivers) - len(columns)} others")
    _draw(ax, tables, parts, names, receivers, colours, (wide, high))
    if fold[0]:
        _choice(ax, tables[0], rows[0], wide)
    return figure, ax


def _choice(ax: Axes, table: Shares, rows: list[int | None], wide: float) -> None:
    """Say below the picture which effects are shown, how much of all they are, and what the others are."""
    shown = np.zeros(len(table.values), bool)
    shown[[row for row in rows if row is not None]] = True
    size, rest = np.abs(table.values), table.values[~shown]
    share = float(size[shown].sum()) / (float(size.sum()) or 1.0)
    total, whole = number(float(rest.sum())), number(float(np.abs(rest).sum()), sign=False)
    chosen_by = f"shown: the {len(rows)} effects of largest size or shares, {share:.0%} of Σ|effects|"
    text = f"{chosen_by}; the others sum to {total}, Σ|·| {whole}"
    if text_width(text, 6.0) > wide:
        text = f"shown: the {len(rows)} largest, {share:.0%} of Σ|effects|; others {total}, Σ|·| {whole}"
    bottom = ax.get_ylim()[0]
    unit = (bottom - ax.get_ylim()[1]) / room(ax)[1]
    ax.text(
        wide / 2, bottom - (LEGEND_ROOM - CHOICE_ROOM) * unit, text, ha="center", va="bottom",
        fontsize=fitting_font(text, wide - 6.0, 7.5), color=ink(ax), gid="choice", **PLAIN,
    )  # fmt: skip


def _draw(
    ax: Axes,
    tables: list[Shares],
    parts: list[Ribbons],
    names: list[str],
    receivers: list[str],
    colours: Palette,
    size: tuple[float, float],
) -> None:
    """Draw both sides in points across and units of the output downwards."""
    wide, high = size
    body = high - TITLE_ROOM - LEGEND_ROOM
    rows = np.max([np.maximum(part.sizes, part.handed_out) for part in parts], axis=0)
    columns = np.max([part.received for part in parts], axis=0)
    # one scale for effects and players of both methods: heights can be compared across the picture
    unit = 1.0 / scale([rows, columns], LABEL_PITCH, body)
    left = stacked(rows, LABEL_PITCH, body, unit)
    right = stacked(columns, LABEL_PITCH, body, unit)
    ax.set_xlim(0.0, wide)
    ax.set_ylim((body + LEGEND_ROOM) * unit, -TITLE_ROOM * unit)

    label = max(text_width(name, FONT) for name in names) + 14.0
    ends = max(text_width(f"{name}  {number(-1234.5)}", FONT) for name in receivers) + 12.0
    both = len(parts) == 2
    start = wide / 2 - label / 2 if both else 0.0
    for y, name in zip(left.middles, names, strict=True):
        ax.text(
            start + label / 2 if both else label - 7.0,
            y,
            name,
            ha="center" if both else "right",
            va="center",
            fontsize=FONT,
            color=ink(ax),
            gid="effect name",
            **PLAIN,
        )
    for number_of_method, (table, part) in enumerate(zip(tables, parts, strict=True)):
        towards = -1.0 if both and number_of_method == 0 else 1.0
        near = start if towards < 0 else start + label
        far = ends + BLOCK_WIDTH if towards < 0 else wide - ends - BLOCK_WIDTH
        side = Side(near + towards * notes_width(part, FONT), far, towards, BLOCK_WIDTH, unit, FONT)
        draw_side(ax, side, part, left, right, receivers, colours)
        across, space = (
            wide * (0.5 if not both else 0.25 if number_of_method == 0 else 0.75),
            wide / len(parts) - 6.0,
        )
        for text, y, font in ((shortened(table.method, 40), 0.98, 10.0), (_summary(table), 0.52, FONT)):
            ax.text(
                across,
                -TITLE_ROOM * unit * y,
                text,
                ha="center",
                va="top",
                fontsize=fitting_font(text, space, font),
                color=ink(ax),
                **PLAIN,
            )
    _legend(ax, colours, wide)


def _summary(table: Shares) -> str:
    """Return the shares of Σ|effects| over all of them, shown or not."""
    sizes, handed_out = np.abs(table.values), table.handed_out
    whole = float(sizes.sum())
    if whole == 0.0:
        return "every effect is 0"
    words = [f"hands out {handed_out.sum() / whole:.0%} of Σ|effects|"]
    for name, amount in (
        ("over-counted", np.maximum(handed_out - sizes, 0.0)),
        ("dropped", np.maximum(sizes - handed_out, 0.0)),
        ("leak", table.leaked),
    ):
        share = float(amount.sum()) / whole
        if share >= SMALLEST_NAMED_SHARE:
            words.append(f"{name} {share:.0%}" if share >= 0.01 else f"{name} {share:.1%}")
    return ", ".join(words)


def _legend(ax: Axes, colours: Palette, wide: float) -> None:
    """Explain colours and hatchings below the picture, smaller where it is narrow."""
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=colours.positive, label="positive"),
        Patch(facecolor=colours.negative, label="negative"),
        Patch(label="over-counted", **block("beyond", NEUTRAL, ax)),
        Patch(label="dropped", **block("dropped", NEUTRAL, ax)),
        Patch(label="leak", facecolor="#dddddd", edgecolor=ink(ax), hatch="xxxx", linewidth=0.6),
    ]
    ax.legend(
        handles=handles, loc="lower center", ncols=len(handles),
        fontsize=min(7.5, 7.5 * wide / 400.0), frameon=False,
        handlelength=1.4, columnspacing=1.4, borderaxespad=0.0,
    )  # fmt: skip


def _outside(table: Shares, rows: list[int | None]) -> bool:
    """Return whether anything is left outside the rows shown."""
    amount = np.abs(table.values) + table.handed_out
    amount[[row for row in rows if row is not None]] = 0.0
    return bool(amount.any())


def _chosen_keys(tables: list[Shares], k: int) -> list[tuple[int, ...]]:
    """Return the k effects with the largest effect or shares in any table, the largest first."""
    weight: dict[tuple[int, ...], float] = {}
    for table in tables:
        amount = np.maximum(np.abs(table.values), table.handed_out)
        for row in folded(amount, k).largest:
            key = table.key(int(row))
            weight[key] = max(weight.get(key, 0.0), float(amount[row]))
    return sorted(weight, key=lambda key: -weight[key])[:k]


def _chosen_columns(tables: list[Shares], players: int) -> list[int]:
    """Return the players with the largest shares in any table; one where there are no shares."""
    received = np.max([np.abs(table.matrix).sum(axis=0) for table in tables], axis=0)
    return folded(received, players).largest.tolist() or [0]


def _check_comparable(one: Shares, two: Shares) -> None:
    """Raise OptionError unless two tables speak of the same effects of the same players."""
    for what, a, b in (
        ("players", one.players, two.players),
        ("receivers", one.receivers, two.receivers),
        ("frame", one.frame, two.frame),
    ):
        if a != b:
            raise OptionError(
                f"{one.method} and {two.method} differ in their {what}: {_short(a)} and {_short(b)}; two "
                "methods are drawn on the same effects only: pass the same players= and frame= to both"
            )
    if (one.effects is None) != (two.effects is None):
        raise OptionError(
            f"level='term' needs Taylor effects on both sides; one of {one.method} and {two.method} shares "
            "out coalitions: use level='coalition'"
        )


def _short(value: object) -> str:
    return shortened(str(value), 60)

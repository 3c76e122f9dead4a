"""The hypergraph as a picture: players on a circle and coalitions inside it, or players in rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import networkx as nx
import numpy as np

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.graphs.hypergraph import interaction_hypergraph
from taylorattr.graphs.layout import circle_positions, spread
from taylorattr.graphs.others import OTHERS, with_others
from taylorattr.plot.entries import check_count, measured
from taylorattr.plot.labels import (
    PLAIN,
    characters,
    clean,
    distinct,
    name_rows,
    number,
    room,
    row_font,
    say,
)
from taylorattr.plot.ring import CAPTION_FONT, areas, others_line, ring, ring_axes, wrapped
from taylorattr.plot.style import NEUTRAL, Palette, axes, chosen, faint, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = {"AND": "D", "OR": "o"}
"""Diamonds for what needs all of its players, circles for what needs one of them."""

TOWARDS_CENTRE = 0.85
"""Where a mark begins, as a share of the way from the centre to the mean of its players."""

WRITTEN_VALUES = 12
"""Up to so many marks, every value is written."""


MOST_LINES = 40
"""Lines from coalitions to players beyond which a circle is a tangle, and players stand in rows."""

HyperLayout: TypeAlias = Literal["auto", "ring", "rows"]
"""Players on a circle with a mark inside per coalition; or a row each, with a vertical line per coalition."""


def hypergraph(
    graph: nx.Graph | AuditReport | TaylorEffects | HarsanyiEffects | InteractionIndex | SymbolicEffects,
    *,
    max_order: int | None = None,
    example: int = 0,
    max_coalitions: int = 20,
    max_players: int = 60,
    layout: HyperLayout = "auto",
    seed: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw interactions of any order as marks tied to the players they need.

    On the circle a coalition is a mark with a line to each of its players; in rows it is a vertical line
    with a dot at each of them, which stays readable where coalitions are many or large. A mark's area is
    |J(S)|, its colour the sign; AND-effects are diamonds, OR-effects circles. Players that take part in no
    coalition drawn are folded where there are more than ``max_players``.

    Args:
        graph: A graph of ``ta.interaction_hypergraph``, effects, or an audit with its measured effects.
        max_order: Largest coalition, where effects are given.
        example: Which example, where effects are given.
        max_coalitions: Most coalitions drawn, the strongest; the others are summed in the caption.
        max_players: Most players drawn; the players of the coalitions drawn come first.
        layout: ``ring``, ``rows``, or ``auto``: rows where the circle would hold more than 40 lines.
        seed: Of the order on the circle; rows stand in the same order.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes.

    Raises:
        OptionError: An option is out of range, the graph is no hypergraph, or there is no such example or
            palette.
        NonFiniteError: If an effect is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("max_coalitions", max_coalitions)
    check_count("max_players", max_players)
    if not isinstance(graph, nx.Graph):
        graph = interaction_hypergraph(
            measured(graph), max_order=max_order, example=example, top=max_coalitions
        )
    if graph and not all("bipartite" in facts for _, facts in graph.nodes(data=True)):
        raise OptionError(
            "this graph has pairs for edges; draw it with network, or make a hypergraph of effects"
        )
    coalitions = sorted(
        ((key, facts) for key, facts in graph.nodes(data=True) if facts["bipartite"]),
        key=lambda entry: -entry[1]["weight"],
    )
    drawn, hidden = coalitions[:max_coalitions], coalitions[max_coalitions:]
    if layout not in ("auto", "ring", "rows"):
        raise OptionError(f"layout={layout!r}; it is 'auto', 'ring' or 'rows'")
    lines = sum(len(facts["members"]) for _, facts in drawn)
    in_rows = bool(drawn) and (layout == "rows" or (layout == "auto" and lines > MOST_LINES))
    if in_rows:
        held = len({member for _, facts in drawn for member in facts["members"]})
        figure, ax = axes(ax, (2.8 + 0.36 * len(drawn), 1.9 + 0.26 * min(held, max_players)))
        ax.set_title(_title(graph), fontsize=10, loc="left")
    else:
        figure, ax = ring_axes(ax, _title(graph))
    if not graph:
        say(ax, "a hypergraph without players")
        return figure, ax
    members = {member for _, facts in drawn for member in facts["members"]}
    players = with_others(_projected(graph, drawn), max_players, members)
    caption = [_key(drawn, in_rows)]
    if "shown_share" in graph.graph:
        caption.append(_left_out(graph, hidden))
    positions = circle_positions(players, seed)
    if in_rows:
        _draw_rows(ax, players, drawn, positions, caption, colours)
        return figure, ax
    ring(ax, players, colours, caption + others_line(players, among=False), positions)
    _draw(ax, drawn, positions, colours)
    return figure, ax


def _title(graph: nx.Graph) -> str:
    """Return the title, with f(x) − f(b) where the graph knows it."""
    delta = graph.graph.get("delta")
    return (
        "Interactions" if delta is None else f"Interactions of any order behind f(x) − f(b) = {number(delta)}"
    )


def _key(drawn: list, in_rows: bool) -> str:
    """Return the line of the caption that says what dots and marks are."""
    kinds = sorted({facts["kind"] for _, facts in drawn})
    if in_rows:
        hollow = "; hollow dots: effect of any of its players" if "OR" in kinds else ""
        return (
            f"dots on the left: players alone    a line: the effect of the players with a dot on it{hollow}"
        )
    words = {
        "AND": "diamond: effect of all its players present",
        "OR": "circle: effect of any of its players",
    }
    widest = f", the largest {number(drawn[0][1]['strength'])}" if drawn else ""
    return (
        "    ".join(
            ["dot: effect of one player alone", *(words.get(kind, f"diamond: {kind}") for kind in kinds)]
        )
        + widest
    )


def _left_out(graph: nx.Graph, hidden: list) -> str:
    """Return the line of the caption that says what is drawn, and what the others add up to."""
    facts = graph.graph
    count = len(hidden) + facts.get("coalitions_left_out", 0)
    amount = sum(entry["strength"] for _, entry in hidden) + facts.get("left_out_sum", 0.0)
    share = facts["shown_share"] - sum(entry["share"] for _, entry in hidden)
    rest = f"; {count:,} other coalitions add up to {number(amount)}" if count else ""
    return f"drawn: {share:.1%} of Σ|effects|{rest}"


def _projected(graph: nx.Graph, drawn: list) -> nx.Graph:
    """Return the players, joined where they share a coalition that is drawn, by Σ|J(S)|."""
    players = nx.Graph()
    players.add_nodes_from((key, facts) for key, facts in graph.nodes(data=True) if not facts["bipartite"])
    for _, facts in drawn:
        members = facts["members"]
        for one, other in itertools.combinations(members, 2):
            before = players.get_edge_data(one, other, {"weight": 0.0, "strength": 0.0})
            weight, strength = before["weight"] + facts["weight"], before["strength"] + facts["strength"]
            players.add_edge(one, other, weight=weight, strength=strength)
    return players


def _draw_rows(
    ax: Axes,
    players: nx.Graph,
    drawn: list,
    positions: Mapping[Hashable, tuple[float, float]],
    caption: list[str],
    colours: Palette,
) -> None:
    """Draw a row per player that takes part, and a vertical line per coalition, the strongest first."""
    held = [{m if m in positions else OTHERS for m in facts["members"]} for _, facts in drawn]
    touched = set().union(*held)
    # neighbours on the circle take part in the same coalitions: lines are short in the same order
    order = sorted(touched, key=lambda node: math.atan2(positions[node][1], positions[node][0]))
    row = {node: place for place, node in enumerate(order)}
    names = [clean(str(players.nodes[node].get("name", node))) for node in order]
    font = row_font(ax, len(order))
    name_rows(ax, distinct(names, characters(ax, 0.3, font)), font)
    for place in range(0, len(order), 2):
        ax.axhspan(place - 0.5, place + 0.5, color=faint(ax), alpha=0.3, linewidth=0, zorder=0)
    alone = np.array([players.nodes[node].get("independent", 0.0) for node in order])
    everybody = [abs(float(facts.get("independent", 0.0))) for _, facts in players.nodes(data=True)]
    paints = [NEUTRAL if n == OTHERS else colours.of(v) for n, v in zip(order, alone, strict=True)]
    sizes = 0.5 * areas(alone, max(everybody))
    ax.scatter(np.full(len(order), -1.2), range(len(order)), s=sizes, c=paints, linewidths=0, zorder=4)
    ax.axvline(-0.6, color=faint(ax), linewidth=0.8)
    largest = drawn[0][1]["weight"] or 1.0
    for column, ((_, facts), members) in enumerate(zip(drawn, held, strict=True)):
        paint, width = colours.of(facts["strength"]), 0.8 + 3.0 * facts["weight"] / largest
        rows = sorted(row[node] for node in members)
        (line,) = ax.plot([column] * 2, [rows[0], rows[-1]], color=paint, linewidth=width, zorder=2)
        line.set_gid(f"coalition:{column}")
        face = paper(ax) if facts["kind"] == "OR" else paint
        dots = ax.scatter(
            [column] * len(rows), rows, s=30, c=face, edgecolors=paint, linewidths=1.2, zorder=3
        )
        dots.set_gid(f"members:{column}")
        ax.annotate(
            number(facts["strength"]), (column, -0.6), xytext=(0, 3), textcoords="offset points", rotation=90,
            ha="center", va="bottom", fontsize=7, color=ink(ax), gid="amount", annotation_clip=False,
        )  # fmt: skip
    ax.set_xlim(-1.8, len(drawn) - 0.4)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.set_title(ax.get_title(loc="left"), fontsize=10, loc="left", pad=34.0)  # above the amounts
    untouched = [node for node in players if node not in touched | {OTHERS}]
    apart = [float(players.nodes[node].get("independent", 0.0)) for node in untouched]
    if apart:
        total, size = number(sum(apart)), number(sum(map(abs, apart)), sign=False)
        caption = [*caption, f"{len(apart)} players are in none of these: alone {total} (Σ|·| {size})"]
    lines = [line for text in caption for line in wrapped(text, CAPTION_FONT, room(ax)[0])]
    ax.set_xlabel("\n".join(lines), fontsize=CAPTION_FONT, loc="left", **PLAIN)


def _draw(ax: Axes, drawn: list, positions: Mapping[Hashable, tuple[float, float]], colours: Palette) -> None:
    """Draw a mark per coalition and a line to each of its players, the strongest on top."""
    if not drawn:
        return
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    ends = [
        np.array(sorted({positions.get(m, positions.get(OTHERS, (0.0, 0.0))) for m in facts["members"]}))
        for _, facts in drawn
    ]
    # between their players, a little nearer to the centre, so that no mark lies on a dot of the circle
    spots = spread(np.array([TOWARDS_CENTRE * e.mean(0) for e in ends]))
    weights = np.array([facts["weight"] for _, facts in drawn])
    shares = weights / (weights.max() or 1.0)
    sizes = areas(weights, weights.max())
    for (_, facts), spot, members, share, size in reversed(
        list(zip(drawn, spots, ends, shares, sizes, strict=True))
    ):
        paint = colours.of(facts["strength"])
        lines = LineCollection(
            [np.array([spot, end]) for end in members], colors=paint, linewidths=0.5 + 1.8 * share, zorder=2
        )
        lines.set_alpha(0.3 + 0.5 * share)
        ax.add_collection(lines, autolim=False)
        face = paper(ax) if facts["kind"] == "OR" else paint
        ax.scatter(
            *spot,
            s=size,
            marker=MARKERS.get(facts["kind"], "D"),
            c=face,
            edgecolors=paint,
            linewidths=1.2,
            zorder=5,
        )
        if len(drawn) <= WRITTEN_VALUES:
            note = ax.annotate(
                number(facts["strength"]),
                spot,
                xytext=(0, 4 + 0.55 * size**0.5),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color=ink(ax),
                zorder=6,
            )
            note.set_path_effects([withStroke(linewidth=2.5, foreground=paper(ax))])
            note.set_in_layout(False)

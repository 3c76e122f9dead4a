"""The hypergraph as a picture: players on a circle, coalitions inside, each tied to its players."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.graphs.hypergraph import interaction_hypergraph
from taylorattr.graphs.layout import circle_positions, spread
from taylorattr.graphs.others import OTHERS, with_others
from taylorattr.plot.entries import check_count
from taylorattr.plot.labels import number, say
from taylorattr.plot.ring import areas, others_line, ring, ring_axes
from taylorattr.plot.style import Palette, chosen, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = {"AND": "D", "OR": "o"}
"""Diamonds for what needs all of its players, circles for what needs one of them."""

TOWARDS_CENTRE = 0.85
"""Where a mark begins, as a share of the way from the centre to the mean of its players."""

WRITTEN_VALUES = 12
"""Up to so many marks, every value is written."""


def hypergraph(
    graph: nx.Graph | TaylorEffects | HarsanyiEffects | InteractionIndex | SymbolicEffects,
    *,
    max_order: int | None = None,
    example: int = 0,
    max_coalitions: int = 20,
    max_players: int = 60,
    seed: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw interactions of any order as marks tied to the players they need.

    A mark's area is |J(S)|, its colour the sign; AND-effects are diamonds, OR-effects circles. Players that
    take part in no coalition drawn are folded where there are more than ``max_players``.

    Args:
        graph: A graph of ``ta.interaction_hypergraph``, or effects.
        max_order: Largest coalition, where effects are given.
        example: Which example, where effects are given.
        max_coalitions: Most coalitions drawn, the strongest; the others are summed in the caption.
        max_players: Most players drawn; the players of the coalitions drawn come first.
        seed: Of the order on the circle.
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
        graph = interaction_hypergraph(graph, max_order=max_order, example=example, top=max_coalitions)
    if graph and not all("bipartite" in facts for _, facts in graph.nodes(data=True)):
        raise OptionError(
            "this graph has pairs for edges; draw it with network, or make a hypergraph of effects"
        )
    coalitions = sorted(
        ((key, facts) for key, facts in graph.nodes(data=True) if facts["bipartite"]),
        key=lambda entry: -entry[1]["weight"],
    )
    drawn, hidden = coalitions[:max_coalitions], coalitions[max_coalitions:]
    figure, ax = ring_axes(ax, _title(graph))
    if not graph:
        say(ax, "a hypergraph without players")
        return figure, ax
    members = {member for _, facts in drawn for member in facts["members"]}
    players = with_others(_projected(graph, drawn), max_players, members)
    caption = [_key(drawn)]
    if "shown_share" in graph.graph:
        caption.append(_left_out(graph, hidden))
    positions = circle_positions(players, seed)
    ring(ax, players, colours, caption + others_line(players, among=False), positions)
    _draw(ax, drawn, positions, colours)
    return figure, ax


def _title(graph: nx.Graph) -> str:
    """Return the title, with f(x) − f(b) where the graph knows it."""
    delta = graph.graph.get("delta")
    return (
        "Interactions" if delta is None else f"Interactions of any order behind f(x) − f(b) = {number(delta)}"
    )


def _key(drawn: list) -> str:
    """Return the line of the caption that says what dots and marks are."""
    kinds = sorted({facts["kind"] for _, facts in drawn})
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

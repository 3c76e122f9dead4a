"""The interaction graph as a picture: players on a circle, what pairs do together between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import networkx as nx

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.graphs.graph_source import GraphSource
from taylorattr.graphs.interaction_graph import interaction_graph
from taylorattr.graphs.layout import circle_positions
from taylorattr.graphs.others import with_others
from taylorattr.plot.entries import check_count, measured
from taylorattr.plot.labels import number, say
from taylorattr.plot.ring import draw_edges, others_line, ring, ring_axes
from taylorattr.plot.style import chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE_MEANINGS: Mapping[str, str] = {
    "pair": "pair effect J({i, j})",
    "total": "all effects that hold the pair, Σ|J(S)|",
    "hessian": "second derivative",
    "integrated_hessians": "integrated Hessian, Γij + Γji",
    "difference": "difference",
    "scores": "none",
}
"""Kind of a graph -> what an edge of it is, in the caption."""


def network(
    graph: nx.Graph | GraphSource | AuditReport,
    *,
    index: str | None = None,
    example: int = 0,
    max_players: int = 60,
    max_edges: int = 120,
    seed: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw what each player does alone and what pairs do together.

    A dot's area is |independent effect|, an edge's width |strength|; the colour is the sign. Players that
    find no place are one grey dot with what they amount to, edges that are not drawn are counted in the
    caption.

    Args:
        graph: A graph of ``ta.interaction_graph``, ``dataset_graph`` or a comparison's ``.graph()``; or
            effects; or an audit, whose measured effects are drawn.
        index: What an edge is, where effects are given.
        example: Which example, where effects are given.
        max_players: Most players drawn; the others are folded.
        max_edges: Most edges drawn, the strongest.
        seed: Of the order on the circle; the same seed gives the same picture.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes.

    Raises:
        OptionError: An option is out of range, or there is no such example or palette.
        NonFiniteError: If an effect is NaN or infinite.
        BudgetError: Effects of more than 200 players; make the graph with ``top=`` first.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("max_players", max_players)
    check_count("max_edges", max_edges)
    if not isinstance(graph, nx.Graph):
        graph = interaction_graph(measured(graph), index=index, example=example)
    figure, ax = ring_axes(ax, _title(graph))
    if not graph:
        say(ax, "a graph without players")
        return figure, ax
    # folding comes first: an edge to a folded player becomes one to the others, and may be strong
    players = with_others(graph, max_players)
    ranked = sorted(players.edges(data=True), key=lambda edge: -edge[2]["weight"])
    drawn, hidden = ranked[:max_edges], ranked[max_edges:]
    kind = graph.graph.get("kind", "")
    caption = [f"dot: effect of one player alone    edge: {EDGE_MEANINGS.get(kind, kind)}"]
    if drawn:
        caption[0] += f", the widest {number(drawn[0][2]['strength'])}"
    if "shown_share" in graph.graph:
        caption.append(f"the graph holds {graph.graph['shown_share']:.1%} of Σ|effects|")
    count = len(hidden) + graph.graph.get("edges_left_out", 0)
    if count:
        size = sum(edge["weight"] for *_, edge in hidden) + graph.graph.get("left_out_size", 0.0)
        caption[-1] += f"; {count:,} weaker edges are not drawn (Σ|·| {number(size, sign=False)})"
    positions = circle_positions(players, seed)
    shrink = ring(ax, players, colours, caption + others_line(players), positions)
    draw_edges(ax, drawn, positions, colours, shrink)
    return figure, ax


def _title(graph: nx.Graph) -> str:
    """Return what the graph is of: a difference, a mean, one example, or nothing that it says."""
    if graph.graph.get("kind") == "difference":
        return "Difference of two interaction graphs"
    if "inputs" in graph.graph:
        return f"Interactions, mean of {graph.graph['inputs']} inputs"
    delta = graph.graph.get("delta")
    return "Interactions" if delta is None else f"Interactions behind f(x) − f(b) = {number(delta)}"

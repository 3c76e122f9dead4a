"""Two interaction graphs and their difference, side by side on one circle and one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from taylorattr.errors import OptionError
from taylorattr.graphs.comparison import GraphComparison
from taylorattr.graphs.layout import circle_positions
from taylorattr.graphs.others import importance, with_others
from taylorattr.plot.entries import check_count
from taylorattr.plot.labels import PLAIN, fitting_font, number, room, say, shortened
from taylorattr.plot.ring import CAPTION_FONT, CAPTION_LINE, draw_edges, others_line, ring, wrapped
from taylorattr.plot.style import axes, chosen, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_TITLE = 18.0
"""Room for the name of a panel, in points."""


def graph_comparison(
    comparison: GraphComparison,
    *,
    max_players: int = 40,
    max_edges: int = 60,
    seed: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the graph of each side and the graph of the difference b − a.

    All three have the same players at the same positions, and the same scale: a dot's area is |independent
    effect|, an edge's width |strength|, the colour the sign. Players that find no place are one grey dot in
    each, edges that are not drawn are counted below.

    Args:
        comparison: Result of ``ta.compare_graphs``; its ``labels`` name the panels.
        max_players: Most players drawn, those that count most on both sides together.
        max_edges: Most edges drawn in each panel, the strongest.
        seed: Of the order on the circle; the same seed gives the same picture.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure. They are divided by ``ax.inset_axes``.

    Returns:
        The figure and the axes; the panels are ``ax.child_axes``.

    Raises:
        OptionError: If this is no comparison, an option is out of range, or there is no such palette.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("max_players", max_players)
    check_count("max_edges", max_edges)
    if not isinstance(comparison, GraphComparison):
        raise OptionError(
            f"graph_comparison draws what ta.compare_graphs returns; given a {type(comparison).__name__}"
        )
    own = ax is None
    figure, ax = axes(ax, (13.0, 5.3))
    if own:
        figure.set_layout_engine("none")
        ax.set_position((0.01, 0.01, 0.98, 0.98))
    ax.set_axis_off()
    width, height = room(ax, settle=True)
    together = _together(comparison)
    # one choice of players and one circle for all panels: a player that moved could not be compared
    counts = importance(together)
    members = sorted(together, key=lambda node: -counts[node])[:max_players]
    positions = circle_positions(with_others(together, max_players, members), seed)
    panels = [with_others(graph, max_players, members) for graph in (*comparison.sides(), comparison.graph())]
    caption = [line for text in _caption(comparison) for line in wrapped(text, CAPTION_FONT, width)]
    below = (CAPTION_LINE * len(caption) + 6) / height
    for line, text in enumerate(reversed(caption)):
        ax.annotate(
            text, (0.0, 0.0), xycoords="axes fraction", xytext=(0, 2 + CAPTION_LINE * line),
            textcoords="offset points", fontsize=CAPTION_FONT, color=ink(ax), **PLAIN,
        )  # fmt: skip
    if not any(facts.get("independent") for _, facts in together.nodes(data=True)) and not together.edges:
        say(ax, "both sides are 0")
        return figure, ax
    dot = max(abs(facts["independent"]) for panel in panels for _, facts in panel.nodes(data=True))
    edge = max((weight for panel in panels for *_, weight in panel.edges(data="weight")), default=0.0)
    first, second = (shortened(label, 60) for label in comparison.labels)
    titles = (first, second, f"difference: {second} − {first}")
    ranked = [sorted(panel.edges(data=True), key=lambda edge: -edge[2]["weight"]) for panel in panels]
    notes = [
        [line for text in _left_out(edges[max_edges:]) + others_line(panel)
         for line in wrapped(text, CAPTION_FONT, width / 3)]
        for panel, edges in zip(panels, ranked, strict=True)
    ]  # fmt: skip
    lines = max(map(len, notes))  # as many for all, so that the circles are alike
    for column, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        inner = ax.inset_axes((column / 3, below, 1 / 3, 1 - below - PANEL_TITLE / height))
        drawn = ranked[column][:max_edges]
        note = notes[column] + [""] * (lines - len(notes[column]))
        shrink = ring(inner, panel, colours, note, positions, dot)
        draw_edges(inner, drawn, positions, colours, shrink, edge)
        font = fitting_font(title, 0.95 * width / 3, 10.0)
        inner.set_title(title, fontsize=font, color=ink(inner), loc="center", **PLAIN)
    return figure, ax


def _together(comparison: GraphComparison) -> nx.Graph:
    """Return the graph of |a| + |b|, which decides who is drawn and who stands beside whom."""
    both = nx.Graph()
    a, b = comparison.sides()
    for name in comparison.names:
        both.add_node(name, independent=sum(abs(g.nodes[name]["independent"]) for g in (a, b)))
    for graph in (a, b):
        for one, other, weight in graph.edges(data="weight"):
            before = both.get_edge_data(one, other, {"weight": 0.0})["weight"]
            both.add_edge(one, other, weight=before + weight, strength=before + weight)
    return both


def _caption(comparison: GraphComparison) -> list[str]:
    """Return what is drawn and how far the sides lie apart, and each remark of the comparison."""
    inputs = " and ".join(f"{count:,}" for count in comparison.inputs)
    text = (
        f"dot: effect of one player alone    edge: strength    one scale for all three    "
        f"inputs: {inputs}    distance Σ|difference| = {number(comparison.distance, sign=False)}, "
        f"{comparison.relative_distance:.0%} of Σ|first| + Σ|second|"
    )
    if comparison.p_value is not None:
        pairs = "the two results of an input" if comparison.paired else "inputs between the sides"
        text += f"    p = {comparison.p_value:.3g} ({comparison.n_permutations:,} exchanges of {pairs})"
    return [text, *comparison.remarks]


def _left_out(hidden: list) -> list[str]:
    """Return how many edges are not drawn and what they amount to, as no line or one."""
    if not hidden:
        return []
    size = number(sum(facts["weight"] for *_, facts in hidden), sign=False)
    return [f"{len(hidden):,} weaker edges are not drawn (Σ|·| {size})"]

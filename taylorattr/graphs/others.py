"""The players that count least as one node, with what they amount to."""

from __future__ import annotations

from collections.abc import Collection, Hashable

import networkx as nx
import numpy as np

from taylorattr.errors import OptionError

OTHERS = ("others",)
"""Key of the node that stands for the folded players; no player's name is a tuple."""


def importance(graph: nx.Graph) -> dict[Hashable, float]:
    """Return |independent| + Σ|strength| of its edges, per node."""
    degrees = dict(graph.degree(weight="weight"))
    return {
        node: abs(facts.get("independent", 0.0)) + degrees[node] for node, facts in graph.nodes(data=True)
    }


def with_others(graph: nx.Graph, keep: int, first: Collection[Hashable] = ()) -> nx.Graph:
    """Return the graph with all but the ``keep`` players that count most folded into one node.

    Sums are kept: independent effects over nodes, strengths over edges together with ``inside``.

    Args:
        graph: An interaction graph.
        keep: Number of players that stay.
        first: Players that stay before others do, whatever they count.

    Returns:
        The graph itself if nothing is folded (one player is never folded alone). Else a new one with the node
        ``("others",)``: ``players`` folded, ``independent`` their sum, ``size`` Σ|independent|, ``inside``
        and ``inside_size`` the sums of strength and |strength| of the edges among them. Its edges carry sums
        of ``strength``, and ``size`` = Σ|strength|.

    Raises:
        OptionError: If keep < 1.
    """
    if keep < 1:
        raise OptionError(f"keep={keep}; at least one player has to stay")
    if len(graph) <= keep + 1:  # a fold of one player would take as much room as the player
        return graph
    counts = importance(graph)
    ranked = sorted(graph, key=lambda node: (node not in first, -counts[node]))
    staying, folded = set(ranked[:keep]), set(ranked[keep:])
    result = nx.Graph()
    result.graph.update(graph.graph)
    result.add_nodes_from((node, facts) for node, facts in graph.nodes(data=True) if node in staying)
    alone = [graph.nodes[node].get("independent", 0.0) for node in graph if node in folded]
    facts = {"players": len(folded), "independent": float(sum(alone)), "size": float(np.abs(alone).sum())}
    result.add_node(OTHERS, name=f"{len(folded)} others", **facts, inside=0.0, inside_size=0.0)
    for one, other, edge in graph.edges(data=True):
        away = [end for end in (one, other) if end in folded]
        if not away:
            result.add_edges_from([(one, other, edge)])
        elif len(away) == 2:
            result.nodes[OTHERS]["inside"] += edge["strength"]
            result.nodes[OTHERS]["inside_size"] += edge["weight"]
        else:
            _add(result, other if one in folded else one, edge)
    return result


def _add(graph: nx.Graph, node: Hashable, edge: dict) -> None:
    """Add an edge's strength to the edge between a node and the others; signs may cancel, sizes do not."""
    if not graph.has_edge(node, OTHERS):
        graph.add_edge(node, OTHERS, strength=0.0, size=0.0, kind=edge.get("kind", ""))
    joined = graph.edges[node, OTHERS]
    joined["strength"] += edge["strength"]
    joined["size"] += edge["weight"]
    joined["weight"] = abs(joined["strength"])
    joined["sign"] = int(np.sign(joined["strength"]))

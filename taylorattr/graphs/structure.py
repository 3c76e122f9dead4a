"""What stands out in an interaction graph: players, groups of players, and the edges that hold it together.

Every measure takes a graph of :func:`~taylorattr.graphs.interaction_graph.interaction_graph` (or any
``networkx.Graph`` with ``weight`` on its edges) and reads |strength|.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, takewhile
from math import comb
from typing import Any, NamedTuple, TypeAlias

import networkx as nx

from taylorattr.errors import BudgetError, OptionError, require_instance

Node: TypeAlias = Any
"""Key of a node: a player's name, in a hypergraph also a tuple."""

MAX_CLIQUES = 500_000
"""Most groups of players that are looked at for the strongest cliques."""


class Clique(NamedTuple):
    """Players that all interact with one another.

    Attributes:
        members: The nodes.
        weight: Sum of |strength| over their edges.
        weakest: The smallest of these.
    """

    members: tuple[Node, ...]
    weight: float
    weakest: float


def weighted_degree(graph: nx.Graph) -> dict[Node, float]:
    """Return Σ_j |strength_ij| over the edges shown, per node."""
    require_instance("graph", graph, nx.Graph, "a graph of ta.interaction_graph")
    return {node: float(degree) for node, degree in graph.degree(weight="weight")}


def _with_lengths(graph: nx.Graph) -> nx.Graph:
    """Return the graph with edges as long as they are weak, 1/weight."""
    lengths = nx.Graph()
    lengths.add_nodes_from(graph)
    # an edge of weight 0 would be infinitely long: it is left out
    lengths.add_edges_from((a, b, {"length": 1 / w}) for a, b, w in graph.edges(data="weight") if w)
    return lengths


CENTRALITIES: Mapping[str, Callable[[nx.Graph], Mapping[Node, float]]] = {
    "degree": weighted_degree,
    "eigenvector": lambda graph: nx.eigenvector_centrality(graph, max_iter=10_000, weight="weight"),
    "betweenness": lambda graph: nx.betweenness_centrality(_with_lengths(graph), weight="length"),
    "closeness": lambda graph: nx.closeness_centrality(_with_lengths(graph), distance="length"),
    "harmonic": lambda graph: nx.harmonic_centrality(_with_lengths(graph), distance="length"),
}
"""Name -> measure; paths are short where interactions are strong (length 1/|strength|)."""


def centrality(graph: nx.Graph, kind: str = "eigenvector") -> dict[Node, float]:
    """Return a centrality of every node, computed by networkx.

    Args:
        graph: An interaction graph.
        kind: ``degree`` (Σ|strength|), ``eigenvector``, ``betweenness``, ``closeness`` or ``harmonic``.

    Raises:
        OptionError: If the kind is unknown, or the power iteration of ``eigenvector`` does not converge.
    """
    require_instance("graph", graph, nx.Graph, "a graph of ta.interaction_graph")
    if kind not in CENTRALITIES:
        raise OptionError(f"kind={kind!r}; expected one of {', '.join(CENTRALITIES)}")
    if not graph.number_of_edges():
        return dict.fromkeys(graph, 0.0)
    try:
        values = CENTRALITIES[kind](graph)
    except nx.PowerIterationFailedConvergence as error:
        raise OptionError(
            "the eigenvector centrality of this graph does not converge (two eigenvalues are about the same "
            "size); use kind='degree' or 'betweenness'"
        ) from error
    return {node: float(values[node]) for node in graph}


def communities(graph: nx.Graph, *, resolution: float = 1.0, seed: int = 0) -> list[frozenset[Node]]:
    """Return groups of players that interact among themselves more than with others, largest first.

    Args:
        graph: An interaction graph.
        resolution: Above 1 for smaller groups, below 1 for larger ones.
        seed: Of the order in which nodes are visited.

    Source: Blondel et al. (2008), the Louvain method, as networkx has it.
    """
    require_instance("graph", graph, nx.Graph, "a graph of ta.interaction_graph")
    if not graph.number_of_edges():
        return [frozenset({node}) for node in graph]
    groups = nx.community.louvain_communities(graph, weight="weight", resolution=resolution, seed=seed)
    order = {node: i for i, node in enumerate(graph)}
    return sorted(map(frozenset, groups), key=lambda group: (-len(group), min(order[node] for node in group)))


def strongest_cliques(graph: nx.Graph, size: int = 3, k: int = 10) -> list[Clique]:
    """Return the k groups of ``size`` players with the largest Σ|strength| among those all joined in pairs.

    Raises:
        OptionError: If size < 2 or k < 0.
        BudgetError: If there are more than 500,000 groups to look at.
    """
    if size < 2 or k < 0:
        raise OptionError(f"size={size}, k={k}; a clique has at least 2 players, and k is at least 0")
    # every clique of this size is counted once at each of its players
    groups = sum(comb(degree, size - 1) for _, degree in graph.degree())
    if groups > MAX_CLIQUES * size:
        raise BudgetError(
            f"about {groups // size} groups of {size} players to look at (limit {MAX_CLIQUES}); make the "
            "graph with top= or threshold=, or ask for smaller cliques"
        )
    order = {node: i for i, node in enumerate(graph)}
    cliques = []
    # networkx enumerates by size, so that all of a size stand together
    for clique in takewhile(lambda c: len(c) <= size, nx.enumerate_all_cliques(graph)):
        if len(clique) == size:
            weights = [graph.edges[pair]["weight"] for pair in combinations(clique, 2)]
            members = tuple(sorted(clique, key=order.__getitem__))
            cliques.append(Clique(members, float(sum(weights)), float(min(weights))))
    return sorted(cliques, key=lambda c: (-c.weight, [order[m] for m in c.members]))[:k]


def backbone(graph: nx.Graph) -> nx.Graph:
    """Return the spanning forest of largest Σ|strength|: the fewest edges that keep together what is joined.

    Nodes, attributes and the kept edges are those of the graph; ``shown_share`` is that of what is kept.
    """
    require_instance("graph", graph, nx.Graph, "a graph of ta.interaction_graph")
    tree = nx.maximum_spanning_tree(graph, weight="weight")
    shares: dict[str, Any] = {}
    if "shown_share" in graph.graph:
        covered = [share for _, share in tree.nodes(data="share")] + [s for *_, s in tree.edges(data="share")]
        shares = {"shown_share": float(sum(covered))}
    left_out = graph.number_of_edges() - tree.number_of_edges() + graph.graph.get("edges_left_out", 0)
    tree.graph.update(graph.graph, edges_left_out=left_out, **shares)
    return tree

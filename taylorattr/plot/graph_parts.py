"""What each player does alone and what pairs do together, read off an interaction graph."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import networkx as nx
import numpy as np

from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import NonFiniteError, OptionError
from taylorattr.graphs.graph_source import GraphSource
from taylorattr.graphs.interaction_graph import interaction_graph
from taylorattr.plot.entries import Effects, effect_values, measured


@dataclass(frozen=True)
class GraphParts:
    """Numbers of a graph of n players with E edges.

    Attributes:
        names: Names of the players, in their order.
        alone: Independent effect of each, shape (n,).
        pairs: Numbers of the two players of each edge, shape (E, 2).
        strengths: Shape (E,).
        left_out: Number of pairs that the graph lacks, and their Σ|·|.
        delta: f(x) − f(b); None where the graph does not know it.
        beyond: Σ|J(S)| of the coalitions of three and more, which no graph of pairs holds; 0 if not known.
    """

    names: tuple[str, ...]
    alone: np.ndarray
    pairs: np.ndarray
    strengths: np.ndarray
    left_out: tuple[int, float]
    delta: float | None
    beyond: float = 0.0


def graph_parts(source: nx.Graph | GraphSource | AuditReport, example: int) -> GraphParts:
    """Return the numbers of a graph, or of the graph of a result.

    Raises:
        OptionError: If it is no graph of players and pairs, or there is no such example.
        NonFiniteError: If a number is NaN or infinite.
    """
    graph = source if isinstance(source, nx.Graph) else interaction_graph(measured(source), example=example)
    facts = dict(graph.nodes(data=True))
    if any("bipartite" in fact for fact in facts.values()):
        raise OptionError("this graph has coalitions for nodes; draw it with hypergraph")
    order = sorted(graph, key=lambda node: facts[node].get("player", 0))
    place = {node: number for number, node in enumerate(order)}
    edges = list(graph.edges(data="strength", default=0.0))
    parts = GraphParts(
        tuple(str(facts[node].get("name", node)) for node in order),
        np.array([float(facts[node].get("independent", 0.0)) for node in order]),
        np.array([sorted((place[one], place[other])) for one, other, _ in edges], dtype=int).reshape(-1, 2),
        np.array([float(strength) for *_, strength in edges]),
        (graph.graph.get("edges_left_out", 0), float(graph.graph.get("left_out_size", 0.0))),
        graph.graph.get("delta"),
    )
    if not (np.isfinite(parts.alone).all() and np.isfinite(parts.strengths).all()):
        raise NonFiniteError("the graph holds numbers that are NaN or infinite and cannot be drawn")
    return parts


def effect_parts(effects: Effects | AuditReport, example: int) -> GraphParts:
    """Return J({i}), J({i, j}) and Σ|J(S)| of the larger coalitions of one example."""
    table = effects.interactions if isinstance(effects, TaylorEffects) else measured(effects)
    values = effect_values(table, example)
    # ∅ is left out of the values, so that positions are one lower
    alone = values[[table.coalitions.index((i,)) - 1 for i in range(table.n)]]
    pairs = np.array(list(itertools.combinations(range(table.n), 2)), dtype=int).reshape(-1, 2)
    if table.largest_order < 2:
        pairs = pairs[:0]
    strengths = values[[table.coalitions.index(pair) - 1 for pair in pairs.tolist()]]
    beyond = float(np.abs(values[np.asarray(table.coalitions.sizes)[1:] > 2]).sum())
    return GraphParts(table.names, alone, pairs, strengths, (0, 0.0), float(table.delta[example]), beyond)

"""Two interaction graphs side by side: their differences, and how far they are apart."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import networkx as nx
import numpy as np


class Difference(NamedTuple):
    """One node or edge on both sides.

    Attributes:
        players: One name for a node, two for an edge.
        a: Value on the first side, in units of the output.
        b: Value on the second side.
        difference: b − a.
    """

    players: tuple[Hashable, ...]
    a: float
    b: float
    difference: float


@dataclass(frozen=True, eq=False, repr=False)
class GraphComparison:
    """Two graphs over the same players.

    Attributes:
        names: The players.
        nodes_a: Independent effects of the first side, shape (n,); means over its inputs.
        nodes_b: The same of the second.
        edges_a: Strengths of the first side, shape (n, n), symmetric, 0 where there is no edge.
        edges_b: The same of the second.
        p_value: Share of exchanges of inputs between the sides that bring them at least this far apart, the
            sides themselves among them; None unless both sides are sets of inputs and hold the same kind.
        inputs: Number of inputs of each side.
        n_permutations: Number of exchanges.
        kinds: What an edge is on each side.
        paired: Whether input i of one side belongs to input i of the other.
        labels: What the sides are called.
        remarks: What a reader must know.
    """

    names: tuple[Hashable, ...]
    nodes_a: np.ndarray
    nodes_b: np.ndarray
    edges_a: np.ndarray
    edges_b: np.ndarray
    p_value: float | None = None
    inputs: tuple[int, int] = (1, 1)
    n_permutations: int = 0
    kinds: tuple[str, str] = ("", "")
    paired: bool = False
    labels: tuple[str, str] = ("first", "second")
    remarks: tuple[str, ...] = ()

    @property
    def node_distance(self) -> float:
        """Σ_i |ψ_i^a − ψ_i^b|."""
        return float(np.abs(self.nodes_b - self.nodes_a).sum())

    @property
    def edge_distance(self) -> float:
        """Σ_{i<j} |s_ij^a − s_ij^b|."""
        return float(np.abs(np.triu(self.edges_b - self.edges_a, 1)).sum())

    @property
    def distance(self) -> float:
        """Node and edge distance together, in units of the output: a metric between such graphs."""
        return self.node_distance + self.edge_distance

    @property
    def relative_distance(self) -> float:
        """Distance / (Σ|a| + Σ|b|), from 0 (equal) to 1 (nothing in common); no metric."""
        sides = ((self.nodes_a, self.edges_a), (self.nodes_b, self.edges_b))
        size = sum(float(np.abs(nodes).sum() + np.abs(np.triu(edges, 1)).sum()) for nodes, edges in sides)
        return self.distance / size if size else 0.0

    def differences(self) -> list[Difference]:
        """Return every node and edge that is not 0 on both sides, the largest difference first."""
        found = [
            Difference((name,), float(a), float(b), float(b - a))
            for name, a, b in zip(self.names, self.nodes_a, self.nodes_b, strict=True)
        ]
        for i, j in zip(*np.triu_indices(len(self.names), 1), strict=True):
            a, b = float(self.edges_a[i, j]), float(self.edges_b[i, j])
            if a or b:
                found.append(Difference((self.names[i], self.names[j]), a, b, b - a))
        return sorted(found, key=lambda d: -abs(d.difference))

    def graph(self) -> nx.Graph:
        """Return the graph of differences b − a, which plots, measures and files take like any other.

        Nodes carry ``independent`` (the difference), ``a`` and ``b``; edges ``strength``, ``sign``,
        ``weight``, ``a`` and ``b``. Graph: ``kind`` ``difference``, ``of`` (what an edge is), ``labels``,
        ``inputs_a``, ``inputs_b``, ``distance``, ``relative_distance``; with a test, ``p_value`` and
        ``paired``.
        """
        facts: dict[str, Any] = {
            "of": " − ".join(dict.fromkeys(reversed(self.kinds))),
            "labels": self.labels,
            "inputs_a": self.inputs[0],
            "inputs_b": self.inputs[1],
            "distance": self.distance,
            "relative_distance": self.relative_distance,
        }
        if self.p_value is not None:
            facts |= {"p_value": self.p_value, "paired": self.paired}
        graph = _graph(self.names, self.nodes_b - self.nodes_a, self.edges_b - self.edges_a, "difference")
        graph.graph.update(facts)
        for place, name in enumerate(self.names):
            graph.nodes[name].update(a=float(self.nodes_a[place]), b=float(self.nodes_b[place]))
        where = {name: place for place, name in enumerate(self.names)}
        for one, other, edge in graph.edges(data=True):
            cell = where[one], where[other]
            edge.update(a=float(self.edges_a[cell]), b=float(self.edges_b[cell]))
        return graph

    def sides(self) -> tuple[nx.Graph, nx.Graph]:
        """Return the graph of each side over the same players, means over its inputs."""
        a = _graph(self.names, self.nodes_a, self.edges_a, self.kinds[0])
        b = _graph(self.names, self.nodes_b, self.edges_b, self.kinds[1])
        for graph, count in zip((a, b), self.inputs, strict=True):
            graph.graph["inputs"] = count
        return a, b

    def __repr__(self) -> str:
        lines = [
            f"GraphComparison, {self.labels[0]} → {self.labels[1]}: {len(self.names)} players, "
            f"{self.inputs[0]} and {self.inputs[1]} input(s), distance {self.distance:.6g} "
            f"(nodes {self.node_distance:.6g}, edges {self.edge_distance:.6g}), "
            f"relative {self.relative_distance:.1%}"
        ]
        if self.p_value is not None:
            within = " within pairs" if self.paired else ""
            lines.append(f"  p = {self.p_value:.4g} from {self.n_permutations} exchanges of inputs{within}")
        for found in self.differences()[:8]:
            name = " × ".join(map(str, found.players))
            lines.append(f"  {found.difference:+.6g}  ({found.a:+.6g} → {found.b:+.6g})  {name}")
        return "\n".join([*lines, *(f"  {remark}" for remark in self.remarks)])


def _graph(names: tuple[Hashable, ...], alone: np.ndarray, pairs: np.ndarray, kind: str) -> nx.Graph:
    """Return the graph of aligned values, its edges the strongest first."""
    graph = nx.Graph(kind=kind)
    for player, (name, value) in enumerate(zip(names, alone, strict=True)):
        graph.add_node(name, name=str(name), player=player, independent=float(value))
    rows, columns = np.triu_indices(len(names), 1)
    strengths = pairs[rows, columns]
    for place in np.argsort(-np.abs(strengths), kind="stable"):
        strength = float(strengths[place])
        if strength:
            facts = {"strength": strength, "sign": int(np.sign(strength)), "weight": abs(strength)}
            graph.add_edge(names[rows[place]], names[columns[place]], **facts, kind=kind)
    return graph

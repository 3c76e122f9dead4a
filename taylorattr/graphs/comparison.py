"""``ta.compare_graphs``: two graphs or sets of inputs, their differences, and whether these are chance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import networkx as nx
import numpy as np

from taylorattr.errors import NonFiniteError, OptionError, PlayerError, ShapeError, require_repetitions
from taylorattr.graphs.dataset_graph import BLOCK_ENTRIES, entries, tables_of
from taylorattr.graphs.graph_source import GraphSource

Side: TypeAlias = nx.Graph | GraphSource | Sequence[GraphSource]
"""What can be compared: a graph, a result whose examples are inputs, or several such results."""


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
        entries = [
            Difference((name,), float(a), float(b), float(b - a))
            for name, a, b in zip(self.names, self.nodes_a, self.nodes_b, strict=True)
        ]
        for i, j in zip(*np.triu_indices(len(self.names), 1), strict=True):
            a, b = float(self.edges_a[i, j]), float(self.edges_b[i, j])
            if a or b:
                entries.append(Difference((self.names[i], self.names[j]), a, b, b - a))
        return sorted(entries, key=lambda d: -abs(d.difference))

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
        for player, name in enumerate(self.names):
            graph.nodes[name].update(a=float(self.nodes_a[player]), b=float(self.nodes_b[player]))
        player_of = {name: player for player, name in enumerate(self.names)}
        for one, other, edge in graph.edges(data=True):
            cell = player_of[one], player_of[other]
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
        for entry in self.differences()[:8]:
            name = " × ".join(map(str, entry.players))
            lines.append(f"  {entry.difference:+.6g}  ({entry.a:+.6g} → {entry.b:+.6g})  {name}")
        return "\n".join([*lines, *(f"  {remark}" for remark in self.remarks)])


def _graph(names: tuple[Hashable, ...], alone: np.ndarray, pairs: np.ndarray, kind: str) -> nx.Graph:
    """Return the graph of aligned values, its edges the strongest first."""
    graph = nx.Graph(kind=kind)
    for player, (name, value) in enumerate(zip(names, alone, strict=True)):
        graph.add_node(name, name=str(name), player=player, independent=float(value))
    rows, columns = np.triu_indices(len(names), 1)
    strengths = pairs[rows, columns]
    for pair in np.argsort(-np.abs(strengths), kind="stable"):
        strength = float(strengths[pair])
        if strength:
            facts = {"strength": strength, "sign": int(np.sign(strength)), "weight": abs(strength)}
            graph.add_edge(names[rows[pair]], names[columns[pair]], **facts, kind=kind)
    return graph


def compare_graphs(
    a: Side,
    b: Side,
    *,
    index: str | None = None,
    missing: str = "error",
    paired: bool = False,
    n_permutations: int = 999,
    seed: int = 0,
    labels: tuple[str, str] = ("first", "second"),
) -> GraphComparison:
    """Compare two graphs, or two sets of inputs: classes, models, before and after training.

    Args:
        a: A graph; a result, of which every example is an input; or a list of results. A method's scores
            (``Attribution``) are nodes without edges: against effects, what a method gives a player beyond
            its independent effect stands at the node, and the interactions it shares out at the edges.
        b: The same for the other side. Nodes are aligned by name.
        index: What an edge is, for sides that are results.
        missing: Players that one side lacks: ``error``, or ``zero`` to take them as doing nothing.
        paired: Example i of one side belongs to example i of the other (the same inputs under two models);
            then the test exchanges within pairs.
        n_permutations: Exchanges of inputs between the sides, where both are sets of inputs (two or more).
        seed: Of the exchanges.
        labels: What the sides are called where the comparison is printed, drawn or saved.

    Returns:
        Aligned values (means over inputs), differences, the distance Σ|Δ nodes| + Σ|Δ edges|, and the p-value
        of the hypothesis that the inputs of both sides come from one distribution (paired: that each pair can
        be exchanged).

    Raises:
        PlayerError: The sides have different players and missing is ``error``, or one has no players.
        OptionError: Kinds or frames differ, or an option is out of range.
        ShapeError: The sides are paired and have different numbers of inputs.
        NonFiniteError: A graph holds a number that is not finite.

    Source: Phipson & Smyth (2010) for the p-value (1 + #{as far apart}) / (1 + exchanges), which is valid for
        any number of exchanges.
    """
    require_repetitions("n_permutations", n_permutations)
    if missing not in ("error", "zero"):
        raise OptionError(f"missing={missing!r}; expected 'error' or 'zero'")
    if isinstance(labels, str) or len(labels) != 2:
        raise OptionError(f"labels={labels!r}; expected two texts, one per side")
    one, other = _side(a, index), _side(b, index)
    _require_alike(one, other)
    names = _aligned(one.names, other.names, missing)
    rows_a, rows_b = one.on(names), other.on(names)
    n, (i, j) = len(names), np.triu_indices(len(names), 1)
    edges = np.zeros((2, n, n))  # symmetric matrices of both sides
    means = rows_a.mean(0), rows_b.mean(0)
    for side, mean in zip(edges, means, strict=True):
        side[i, j] = side[j, i] = mean[n:]
    inputs = len(rows_a), len(rows_b)
    if paired and inputs[0] != inputs[1]:
        raise ShapeError(
            f"paired sides have the same number of inputs; these have {inputs[0]} and {inputs[1]}"
        )
    comparison = GraphComparison(
        names=names,
        nodes_a=means[0][:n],
        nodes_b=means[1][:n],
        edges_a=edges[0],
        edges_b=edges[1],
        inputs=inputs,
        kinds=(one.kind, other.kind),
        paired=paired,
        labels=(str(labels[0]), str(labels[1])),
        remarks=(*one.remarks, *other.remarks),
    )
    if min(inputs) < 2 or one.kind != other.kind:
        return comparison  # scores against effects: two quantities, whose exchange means nothing
    null = exchanged_distances(rows_a, rows_b, n_permutations, seed, paired)
    # exchanges that put the sides back give the same distance up to rounding, and count
    reached = int((null >= comparison.distance * (1 - 1e-12)).sum())
    return replace(comparison, p_value=(1 + reached) / (1 + n_permutations), n_permutations=n_permutations)


@dataclass(frozen=True, eq=False)
class _Aligned:
    """One side: its players and, per input, independent effects then strengths i < j."""

    names: tuple[Hashable, ...]
    rows: np.ndarray
    kind: str
    frame: str | None
    remarks: tuple[str, ...] = ()

    def on(self, names: tuple[Hashable, ...]) -> np.ndarray:
        """Return the rows over other players in another order; 0 for those this side lacks."""
        n, size = len(self.names), len(names)
        player_of = {name: player for player, name in enumerate(self.names)}
        source = np.array([player_of.get(name, n) for name in names])  # row and column n are zero
        square = np.zeros((len(self.rows), n + 1, n + 1))
        i, j = np.triu_indices(n, 1)
        square[:, i, j] = square[:, j, i] = self.rows[:, n:]
        square[:, range(n), range(n)] = self.rows[:, :n]
        square = square[:, source[:, None], source[None, :]]
        i, j = np.triu_indices(size, 1)
        return np.hstack([np.diagonal(square, axis1=1, axis2=2), square[:, i, j]])


def _side(side: Any, index: str | None) -> _Aligned:
    """Return a graph as one row, or every example of results as a row.

    Raises:
        OptionError: For a hypergraph.
        NonFiniteError: If a graph holds a number that is not finite.
    """
    if not isinstance(side, nx.Graph):
        tables = tables_of(side, index)
        return _Aligned(tables[0].names, entries(tables), tables[0].kind, tables[0].frame)
    if side.graph.get("kind") == "hypergraph":
        raise OptionError("compare_graphs takes graphs of pairs; make them with interaction_graph(...)")
    names = tuple(side)
    player_of = {name: i for i, name in enumerate(names)}
    n = len(names)
    matrix = np.zeros((n, n))
    for one, other, strength in side.edges(data="strength", default=0.0):
        matrix[player_of[one], player_of[other]] = matrix[player_of[other], player_of[one]] = strength
    alone = [value for _, value in side.nodes(data="independent", default=0.0)]
    row = np.concatenate([alone, matrix[np.triu_indices(n, 1)]])[None]
    if not np.isfinite(row).all():
        raise NonFiniteError("a graph to compare holds NaN or infinity")
    hidden = side.graph.get("edges_left_out", 0)
    remark = f"a graph leaves out {hidden} edges, which count as 0 here; compare the effects themselves"
    kind, frame = side.graph.get("kind", ""), side.graph.get("frame")
    return _Aligned(names, row, kind, frame, (remark,) if hidden else ())


def _require_alike(one: _Aligned, other: _Aligned) -> None:
    """Raise OptionError unless edges mean the same on both sides; scores have no edges, and fit all."""
    kinds = {one.kind, other.kind} - {"scores", ""}
    if len(kinds) > 1:
        raise OptionError(
            f"edges of one side are {one.kind}, of the other {other.kind}; make both with the same index="
        )
    if one.frame and other.frame and one.frame != other.frame:
        raise OptionError(
            f"one side is in frame {one.frame!r}, the other in {other.frame!r}; compute both in the same "
            "frame, or convert a full table with effects.in_frame(...)"
        )


def _aligned(one: tuple[Hashable, ...], other: tuple[Hashable, ...], missing: str) -> tuple[Hashable, ...]:
    """Return the players of both sides, the first side's first.

    Raises:
        PlayerError: If a side has none, or one that the other lacks where that is an error.
    """
    if not one or not other:
        raise PlayerError("a graph to compare has no players")
    first = [name for name in one if name not in set(other)]
    second = [name for name in other if name not in set(one)]
    if missing == "error" and (first or second):
        raise PlayerError(
            f"the sides have different players: only the first has {first[:4]}, only the second "
            f"{second[:4]}; name them alike with names=..., or pass missing='zero'"
        )
    return (*one, *second)


def exchanged_distances(
    first: np.ndarray, second: np.ndarray, count: int, seed: int, paired: bool
) -> np.ndarray:
    """Return Σ|mean difference| of two sets whose rows change places at random.

    Args:
        first: Rows of one set, shape (A, P).
        second: Rows of the other, shape (B, P); B = A if paired.
        count: Number of exchanges R.
        seed: Of the exchanges.
        paired: Exchange row i of one set with row i of the other, each with probability ½; else deal all rows
            out anew.

    Returns:
        Shape (R,).
    """
    generator = np.random.default_rng(seed)
    # of pairs only the difference matters, and an exchange turns its sign
    pooled = first - second if paired else np.concatenate([first, second])
    a, b = len(first), len(second)
    labels = np.repeat([1 / a, -1 / b], [a, b])
    distances = []
    step = max(1, BLOCK_ENTRIES // max(1, pooled.shape[1]))
    for start in range(0, count, step):
        block = min(step, count - start)
        # a mean difference is a weighted sum of rows: an exchange only deals out the weights anew
        if paired:
            weights = generator.choice([-1 / a, 1 / a], size=(block, a))
        else:
            weights = generator.permuted(np.tile(labels, (block, 1)), axis=1)
        distances.append(np.abs(weights @ pooled).sum(1))
    return np.concatenate(distances)

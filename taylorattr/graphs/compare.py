"""``ta.compare_graphs``: align two graphs or two sets of inputs, and ask whether their distance is chance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import networkx as nx
import numpy as np

from taylorattr.errors import NonFiniteError, OptionError, PlayerError, ShapeError
from taylorattr.graphs.comparison import GraphComparison
from taylorattr.graphs.dataset_graph import entries, tables_of
from taylorattr.graphs.graph_source import GraphSource
from taylorattr.graphs.resampling import exchanged_distances

Side: TypeAlias = nx.Graph | GraphSource | Sequence[GraphSource]


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
    if missing not in ("error", "zero") or n_permutations < 1:
        raise OptionError(
            f"missing={missing!r}, n_permutations={n_permutations}; expected 'error' or 'zero', and 1 or more"
        )
    if isinstance(labels, str) or len(labels) != 2:
        raise OptionError(f"labels={labels!r}; expected two texts, one per side")
    one, other = _side(a, index), _side(b, index)
    _require_alike(one, other)
    names = _aligned(one.names, other.names, missing)
    rows_a, rows_b = one.on(names), other.on(names)
    n, (i, j) = len(names), np.triu_indices(len(names), 1)
    edges = np.zeros((2, n, n))
    means = rows_a.mean(0), rows_b.mean(0)
    for side, mean in zip(edges, means, strict=True):
        side[i, j] = side[j, i] = mean[n:]
    inputs = len(rows_a), len(rows_b)
    if paired and inputs[0] != inputs[1]:
        raise ShapeError(
            f"paired sides have the same number of inputs; these have {inputs[0]} and {inputs[1]}"
        )
    found = GraphComparison(
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
        return found  # scores against effects: two quantities, whose exchange means nothing
    null = exchanged_distances(rows_a, rows_b, n_permutations, seed, paired)
    # exchanges that put the sides back give the same distance up to rounding, and count
    reached = int((null >= found.distance * (1 - 1e-12)).sum())
    return replace(found, p_value=(1 + reached) / (1 + n_permutations), n_permutations=n_permutations)


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
        where = {name: place for place, name in enumerate(self.names)}
        known = np.array([where.get(name, n) for name in names])  # row and column n are zero
        square = np.zeros((len(self.rows), n + 1, n + 1))
        i, j = np.triu_indices(n, 1)
        square[:, i, j] = square[:, j, i] = self.rows[:, n:]
        square[:, range(n), range(n)] = self.rows[:, :n]
        taken = square[:, known[:, None], known[None, :]]
        i, j = np.triu_indices(size, 1)
        return np.hstack([np.diagonal(taken, axis1=1, axis2=2), taken[:, i, j]])


def _side(given: Any, index: str | None) -> _Aligned:
    if not isinstance(given, nx.Graph):
        tables = tables_of(given, index)
        return _Aligned(tables[0].names, entries(tables), tables[0].kind, tables[0].frame)
    if given.graph.get("kind") == "hypergraph":
        raise OptionError("compare_graphs takes graphs of pairs; make them with interaction_graph(...)")
    names = tuple(given)
    place = {name: i for i, name in enumerate(names)}
    n = len(names)
    matrix = np.zeros((n, n))
    for one, other, strength in given.edges(data="strength", default=0.0):
        matrix[place[one], place[other]] = matrix[place[other], place[one]] = strength
    alone = [value for _, value in given.nodes(data="independent", default=0.0)]
    row = np.concatenate([alone, matrix[np.triu_indices(n, 1)]])[None]
    if not np.isfinite(row).all():
        raise NonFiniteError("a graph to compare holds NaN or infinity")
    hidden = given.graph.get("edges_left_out", 0)
    remark = f"a graph leaves out {hidden} edges, which count as 0 here; compare the effects themselves"
    kind, frame = given.graph.get("kind", ""), given.graph.get("frame")
    return _Aligned(names, row, kind, frame, (remark,) if hidden else ())


def _require_alike(one: _Aligned, other: _Aligned) -> None:
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

"""A graph as a square table: strengths off the diagonal, independent effects on it."""

from __future__ import annotations

import importlib
from collections.abc import Hashable, Sequence
from typing import Any

import networkx as nx
import numpy as np

from taylorattr.errors import (
    MissingExtraError,
    NonFiniteError,
    OptionError,
    PlayerError,
    ShapeError,
    require_instance,
)


def to_adjacency(graph: nx.Graph, edge: str = "strength", node: str | None = "independent") -> np.ndarray:
    """Return one attribute of the edges as a symmetric matrix, and one of the nodes on its diagonal.

    Args:
        graph: A graph; rows are in the order of ``list(graph)``.
        edge: Attribute of the edges; 0 where there is no edge.
        node: Attribute of the nodes; None leaves the diagonal 0.

    Returns:
        Shape (n, n), float64.

    Raises:
        OptionError: If an edge or node lacks the attribute.
    """
    require_instance("graph", graph, nx.Graph, "a graph of ta.interaction_graph")
    row_of = {name: i for i, name in enumerate(graph)}
    matrix = np.zeros((len(row_of), len(row_of)))
    for one, other, values in graph.edges(data=True):
        cell = row_of[one], row_of[other]
        matrix[cell] = matrix[cell[::-1]] = _number(values, edge, f"the edge {one!r} – {other!r}")
    for name, values in graph.nodes(data=True) if node is not None else ():
        matrix[row_of[name], row_of[name]] = _number(values, str(node), f"the node {name!r}")
    return matrix


def _number(values: dict[str, Any], attribute: str, what: str) -> float:
    """Return one attribute as a number.

    Raises:
        OptionError: If it is not there.
    """
    if attribute not in values:
        raise OptionError(f"{what} has no attribute {attribute!r}; it has {', '.join(values) or 'none'}")
    return float(values[attribute])


def to_frame(graph: nx.Graph, edge: str = "strength", node: str | None = "independent") -> Any:
    """Return :func:`to_adjacency` as a ``pandas.DataFrame`` whose rows and columns are the nodes.

    Raises:
        MissingExtraError: If pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise MissingExtraError(
            "to_frame() needs pandas: pip install pandas, or use to_adjacency()"
        ) from error
    # nodes of hypergraphs are tuples, which pandas would read as levels of an index
    names = pandas.Index(list(graph), tupleize_cols=False)
    return pandas.DataFrame(to_adjacency(graph, edge, node), index=names, columns=names)


def from_adjacency(matrix: Any, names: Sequence[Hashable] | None = None, **facts: Any) -> nx.Graph:
    """Return the graph of a symmetric matrix: what :func:`to_adjacency` or :func:`to_frame` was made of.

    Nodes get ``name``, ``player`` and ``independent``; edges, where an entry is not 0, ``strength``, ``sign``
    and ``weight``.

    Args:
        matrix: Shape (n, n), or a DataFrame.
        names: The nodes; None: those of the DataFrame, else ``x0``, ``x1``, ….
        **facts: Attributes of the graph, such as ``kind`` and ``frame``.

    Raises:
        OptionError: If it does not hold numbers.
        ShapeError: If it is not square and symmetric.
        PlayerError: If names are not unique or not as many as the rows.
        NonFiniteError: If an entry is not finite.
    """
    try:
        values = np.asarray(matrix, dtype=float)
    except (TypeError, ValueError):
        raise OptionError(
            f"the adjacency is a {type(matrix).__name__}; expected an array (n, n) of numbers or a DataFrame"
        ) from None
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not np.array_equal(
        values, values.T, equal_nan=True
    ):  # fmt: skip
        raise ShapeError(f"an adjacency is square and symmetric; this one has shape {values.shape}")
    if not np.isfinite(values).all():
        raise NonFiniteError("an entry of the adjacency is not finite; an edge that is not there is 0")
    if names is None:
        names = list(matrix.index) if hasattr(matrix, "index") else [f"x{i}" for i in range(len(values))]
    if len(names) != len(values) or len(set(names)) != len(names):
        raise PlayerError(f"{len(names)} names for {len(values)} rows; expected as many, each once")
    graph = nx.Graph()
    graph.graph.update(facts)  # not as arguments: those of some names mean edges, or a library to import
    for player, name in enumerate(names):
        graph.add_node(name, name=str(name), player=player, independent=float(values[player, player]))
    for i, j in zip(*np.nonzero(np.triu(values, 1)), strict=True):
        strength = float(values[i, j])
        graph.add_edge(
            names[i], names[j], strength=strength, sign=int(np.sign(strength)), weight=abs(strength)
        )
    return graph

"""Places on a circle: players that interact strongly stand near each other, the same ones for every call."""

from __future__ import annotations

from collections.abc import Hashable

import networkx as nx
import numpy as np

TRIES = 60
"""Exchanges of two places tried per node."""


def circle_order(weights: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return an order of n nodes on a circle with a small Σ w_ij · (steps between i and j).

    Begins with the angles of the two smoothest eigenvectors of the graph's Laplacian, and keeps every
    exchange of two places that shortens the sum, out of 60·n drawn at random.

    Args:
        weights: Non-negative, symmetric, shape (n, n).
        seed: Of the exchanges tried.

    Returns:
        The nodes in the order of their places, shape (n,).
    """
    n = len(weights)
    if n < 4:
        return np.arange(n)
    scaled = weights / (weights.max() or 1.0) + 1e-9  # the small part joins what is apart
    _, vectors = np.linalg.eigh(np.diag(scaled.sum(1)) - scaled)
    # an eigenvector's sign is arbitrary: the largest entry is made positive
    first, second = (v * np.sign(v[np.argmax(np.abs(v))]) for v in (vectors[:, 1], vectors[:, 2]))
    order = np.argsort(np.arctan2(second.round(9), first.round(9)), kind="stable")
    steps = np.abs(np.arange(n)[:, None] - np.arange(n))
    steps = np.minimum(steps, n - steps)
    generator = np.random.default_rng(seed)
    for one, other in generator.integers(n, size=(TRIES * n, 2)):
        a, b = order[one], order[other]
        gain = (weights[a][order] - weights[b][order]) * (steps[one] - steps[other])
        gain[[one, other]] = 0.0
        if gain.sum() > 0:
            order[one], order[other] = b, a
    return order


def circle_positions(graph: nx.Graph, seed: int = 0) -> dict[Hashable, tuple[float, float]]:
    """Return a place on the unit circle for every node, clockwise from the top.

    Args:
        graph: A graph with ``weight`` on its edges.
        seed: Of the search for a good order.
    """
    nodes = list(graph)
    order = circle_order(nx.to_numpy_array(graph, weight="weight"), seed)
    # half a step off the top, so that no two names stand above each other's middle
    angles = np.pi / 2 - 2 * np.pi * (np.arange(len(nodes)) + 0.5) / max(len(nodes), 1)
    places = {nodes[i]: (float(np.cos(a)), float(np.sin(a))) for i, a in zip(order, angles, strict=True)}
    return {node: places[node] for node in nodes}

"""Where things stand in a picture: players on a circle, marks inside it; the same for every call."""

from __future__ import annotations

from collections.abc import Hashable

import networkx as nx
import numpy as np

EXCHANGES_PER_NODE = 60
"""Exchanges of two positions tried per node."""


def circle_order(weights: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return an order of n nodes on a circle with a small Σ w_ij · (steps between i and j).

    Begins with the angles of the two smoothest eigenvectors of the graph's Laplacian, and keeps every
    exchange of two positions that shortens the sum, out of 60·n drawn at random.

    Args:
        weights: Non-negative, symmetric, shape (n, n).
        seed: Of the exchanges tried.

    Returns:
        The nodes in the order of their positions, shape (n,).
    """
    n = len(weights)
    if n < 4:
        return np.arange(n)
    # smooth eigenvectors give strongly joined nodes nearly equal entries, and so nearly equal angles
    scaled = weights / (weights.max() or 1.0) + 1e-9  # the small part joins what is apart
    _, vectors = np.linalg.eigh(np.diag(scaled.sum(1)) - scaled)
    # an eigenvector's sign is arbitrary: the largest entry is made positive
    first, second = (v * np.sign(v[np.argmax(np.abs(v))]) for v in (vectors[:, 1], vectors[:, 2]))
    order = np.argsort(np.arctan2(second.round(9), first.round(9)), kind="stable")
    steps = np.abs(np.arange(n)[:, None] - np.arange(n))
    steps = np.minimum(steps, n - steps)
    generator = np.random.default_rng(seed)
    # what an exchange of two positions changes is read off two rows: the whole sum is never taken again
    for one, other in generator.integers(n, size=(EXCHANGES_PER_NODE * n, 2)):
        a, b = order[one], order[other]
        gain = (weights[a][order] - weights[b][order]) * (steps[one] - steps[other])
        gain[[one, other]] = 0.0
        if gain.sum() > 0:
            order[one], order[other] = b, a
    return order


def circle_positions(graph: nx.Graph, seed: int = 0) -> dict[Hashable, tuple[float, float]]:
    """Return a position on the unit circle for every node, clockwise from the top.

    Args:
        graph: A graph with ``weight`` on its edges.
        seed: Of the search for a good order.
    """
    nodes = list(graph)
    order = circle_order(nx.to_numpy_array(graph, weight="weight"), seed)
    # half a step off the top, so that no two names stand above each other's middle
    angles = np.pi / 2 - 2 * np.pi * (np.arange(len(nodes)) + 0.5) / max(len(nodes), 1)
    positions = {nodes[i]: (float(np.cos(a)), float(np.sin(a))) for i, a in zip(order, angles, strict=True)}
    return {node: positions[node] for node in nodes}


LARGEST_RADIUS = 0.8
"""Marks stay within this share of the circle's radius, off the players on it."""

MOST_ROUNDS = 300
"""Most rounds of pushing; few points need far fewer."""

MOST_PUSHES = 60_000
"""Points times rounds: thousands of points stop earlier, packed a little unevenly."""


def spread(points: np.ndarray) -> np.ndarray:
    """Move points inside the unit circle apart until they are as far from each other as they have room.

    Every pair nearer than min(0.3, 1.1/√n) pushes itself apart by a quarter of what is missing, in rounds;
    points that leave the circle of radius 0.8 are put back on it.

    Args:
        points: Where they would be, shape (n, 2).

    Returns:
        Where they are, shape (n, 2). Cost per round: n times the number of points in a strip of that width.
    """
    count = len(points)
    apart = min(0.3, 1.1 / max(count, 1) ** 0.5)
    # the golden angle: equal points part in different directions
    angles = 2.399963 * np.arange(count)
    points = points + 1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(min(MOST_ROUNDS, max(40, MOST_PUSHES // max(count, 1)))):
        push = _pushes(points, apart)
        if not push.any():
            break
        points = points + 0.25 * push
        far = np.linalg.norm(points, axis=1, keepdims=True)
        points = np.where(
            far > LARGEST_RADIUS, points * LARGEST_RADIUS / np.maximum(far, LARGEST_RADIUS), points
        )
    return points


def _pushes(points: np.ndarray, apart: float) -> np.ndarray:
    """Return Σ_j (x_i − x_j)/|x_i − x_j| · (apart − |x_i − x_j|)₊ per point; neighbours by their abscissa."""
    order = np.argsort(points[:, 0], kind="stable")
    sorted_points = points[order]
    push = np.zeros_like(sorted_points)
    for step in range(1, len(sorted_points)):
        between = sorted_points[step:] - sorted_points[:-step]
        if not (near := between[:, 0] < apart).any():
            break  # sorted by abscissa: partners further down the list are further away still
        distances = np.linalg.norm(between, axis=1)
        near &= (distances < apart) & (distances > 0)
        force = np.where(near, (apart - distances) / np.where(distances > 0, distances, 1.0), 0.0)
        away = between * force[:, None]
        push[step:] += away
        push[:-step] -= away
    back = np.empty_like(push)
    back[order] = push
    return back

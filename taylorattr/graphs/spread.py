"""Places inside the circle: points moved apart until no two marks meet, the same ones for every call."""

from __future__ import annotations

import numpy as np

REACH = 0.8
"""Points stay within this share of the radius."""

ROUNDS = 300
"""Most rounds of pushing; few points need far fewer."""

EFFORT = 60_000
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
    angles = 2.399963 * np.arange(count)  # the golden angle: equal points part in different directions
    points = points + 1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(min(ROUNDS, max(40, EFFORT // max(count, 1)))):
        push = _pushes(points, apart)
        if not push.any():
            break
        points = points + 0.25 * push
        far = np.linalg.norm(points, axis=1, keepdims=True)
        points = np.where(far > REACH, points * REACH / np.maximum(far, REACH), points)
    return points


def _pushes(points: np.ndarray, apart: float) -> np.ndarray:
    """Return Σ_j (x_i − x_j)/|x_i − x_j| · (apart − |x_i − x_j|)₊ per point; neighbours by their abscissa."""
    order = np.argsort(points[:, 0], kind="stable")
    places = points[order]
    push = np.zeros_like(places)
    for step in range(1, len(places)):
        between = places[step:] - places[:-step]
        if not (near := between[:, 0] < apart).any():
            break
        distances = np.linalg.norm(between, axis=1)
        near &= (distances < apart) & (distances > 0)
        force = np.where(near, (apart - distances) / np.where(distances > 0, distances, 1.0), 0.0)
        moved = between * force[:, None]
        push[step:] += moved
        push[:-step] -= moved
    back = np.empty_like(push)
    back[order] = push
    return back

"""Places inside the circle."""

import numpy as np
import pytest

from taylorattr.graphs.spread import REACH, spread


def all_pairs(points):
    """The definition, by all pairs at once."""
    count = len(points)
    apart = min(0.3, 1.1 / max(count, 1) ** 0.5)
    angles = 2.399963 * np.arange(count)
    points = points + 1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(300):
        between = points[:, None] - points
        distances = np.linalg.norm(between, axis=2) + np.eye(count)
        push = np.clip(apart - distances, 0.0, None) * (1 - np.eye(count))
        if not push.any():
            break
        points = points + 0.25 * (between / distances[..., None] * push[..., None]).sum(1)
        far = np.linalg.norm(points, axis=1, keepdims=True)
        points = np.where(far > REACH, points * REACH / np.maximum(far, REACH), points)
    return points


@pytest.mark.parametrize("count", [0, 1, 2, 7, 60])
def test_neighbours_by_abscissa_are_all_neighbours(count):
    points = np.random.default_rng(count).normal(size=(count, 2)) * 0.3
    assert spread(points) == pytest.approx(all_pairs(points), abs=1e-12)  # sums in another order


def test_equal_points_part():
    spots = spread(np.zeros((12, 2)))
    distances = np.linalg.norm(spots[:, None] - spots, axis=2) + np.eye(12)
    assert distances.min() > 0.2


def test_a_thousand_points_stay_inside_and_apart():
    spots = spread(np.random.default_rng(0).normal(size=(1000, 2)) * 0.15)
    assert np.linalg.norm(spots, axis=1).max() <= REACH + 1e-12
    distances = np.linalg.norm(spots[:, None] - spots, axis=2) + np.eye(1000)
    assert distances.min() > 0.01

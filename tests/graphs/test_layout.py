"""Strong pairs stand side by side on the circle, marks apart inside it, the same way each time."""

import itertools

import networkx as nx
import numpy as np
import pytest

from taylorattr.graphs import from_adjacency
from taylorattr.graphs.layout import LARGEST_RADIUS, circle_order, circle_positions, spread


def cost(weights, order):
    n = len(order)
    place = np.argsort(order)
    steps = np.abs(place[:, None] - place)
    return (weights * np.minimum(steps, n - steps)).sum()


def test_a_ring_is_found_again():
    n = 24
    shuffled = np.random.default_rng(0).permutation(n)
    weights = np.zeros((n, n))
    for a, b in zip(shuffled, np.roll(shuffled, 1), strict=True):
        weights[a, b] = weights[b, a] = 1.0
    assert cost(weights, circle_order(weights)) == 2 * n


def test_near_the_best_of_all_orders():
    generator = np.random.default_rng(1)
    for _ in range(5):
        weights = np.triu(generator.random((7, 7)) ** 4, 1)
        weights += weights.T
        best = min(cost(weights, np.array((0, *rest))) for rest in itertools.permutations(range(1, 7)))
        assert cost(weights, circle_order(weights)) <= 1.15 * best


@pytest.mark.parametrize("n", [0, 1, 3, 9])
def test_every_player_has_a_place_of_its_own_on_the_circle(n):
    graph = from_adjacency(np.ones((n, n)))
    places = circle_positions(graph)
    assert list(places) == list(graph) and len({tuple(np.round(p, 9)) for p in places.values()}) == n
    assert all(np.hypot(*p) == pytest.approx(1.0) for p in places.values())
    assert places == circle_positions(graph)
    assert len(circle_positions(nx.Graph())) == 0


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
        points = np.where(
            far > LARGEST_RADIUS, points * LARGEST_RADIUS / np.maximum(far, LARGEST_RADIUS), points
        )
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
    assert np.linalg.norm(spots, axis=1).max() <= LARGEST_RADIUS + 1e-12
    distances = np.linalg.norm(spots[:, None] - spots, axis=2) + np.eye(1000)
    assert distances.min() > 0.01

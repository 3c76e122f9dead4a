"""Strong pairs stand side by side, the same way each time."""

import itertools

import networkx as nx
import numpy as np
import pytest

from taylorattr.graphs import from_adjacency
from taylorattr.graphs.circle import circle_order, circle_positions


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

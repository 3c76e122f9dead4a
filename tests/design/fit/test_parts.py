"""The parts of a fit, each against an independent computation."""

import itertools

import numpy as np
import torch

import taylorattr as ta
from taylorattr.analysis.question import Question
from taylorattr.design.fit.examples import node_gradients
from taylorattr.design.fit.free_paths import clenshaw_curtis
from taylorattr.design.fit.free_shares import mean_marginals
from taylorattr.design.fit.freedom import SHARE_PARTS, counted_shares
from taylorattr.design.fit.held_out import rows_of, split
from taylorattr.design.fit.search import minimise
from tests.design.fit.models import inputs


def test_gradients_at_nodes_are_those_of_the_formula():
    """f = x₀²x₁ with players {0} and {1, 2}: Δ_i ∂_i f at b + t∘Δ by hand."""
    x, b = inputs(3, 3), inputs(3, 3, seed=4)
    game = Question(lambda x: x[:, 0] ** 2 * x[:, 1] + x[:, 2], x, b, players=ta.Players([[0], [1, 2]])).game
    places = torch.tensor([[0.0, 1.0], [0.3, 0.6], [1.0, 0.5], [0.2, 0.0]], dtype=torch.float64)
    found = node_gradients(game, places)
    delta = x - b
    for q, t in enumerate(places):
        at = b + torch.stack([t[0], t[1], t[1]]) * delta
        expected = torch.stack(
            [2 * at[:, 0] * at[:, 1] * delta[:, 0], at[:, 0] ** 2 * delta[:, 1] + delta[:, 2]], 1
        )
        assert torch.allclose(found[:, :, q], expected, atol=1e-12)


def test_clenshaw_curtis_is_exact_below_its_number_of_nodes():
    for count in (2, 3, 6, 17):
        nodes, weights = clenshaw_curtis(count)
        assert nodes[0] == 0 and nodes[-1] == 1 and (weights > 0).all()
        for degree in range(count):
            assert abs(weights @ nodes**degree - 1 / (degree + 1)) < 1e-14


def test_mean_marginals_by_the_slow_sum():
    n, generator = 4, np.random.default_rng(0)
    table = generator.normal(size=(2, 16))
    found = mean_marginals(torch.from_numpy(table)).numpy()
    for i, t in itertools.product(range(n), range(n)):
        others = [j for j in range(n) if j != i]
        gains = []
        for members in itertools.combinations(others, t):
            mask = sum(1 << j for j in members)
            gains.append(table[:, mask | 1 << i] - table[:, mask])
        assert np.allclose(found[:, i, t], np.mean(gains, 0), atol=1e-14)


def test_counted_shares_add_up_and_are_near():
    members = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 1]])
    shares = torch.rand(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * members
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-9)
    counts = counted_shares(shares, members)
    assert counts.sum(1).tolist() == [0, *[SHARE_PARTS] * 4] and (counts[members.numpy() == 0] == 0).all()
    assert np.abs(counts / SHARE_PARTS - shares.numpy()).max() < 1.01 / SHARE_PARTS
    equal = members / members.sum(1, keepdim=True).clamp_min(1)
    assert counted_shares(equal, members)[3].tolist() == [SHARE_PARTS // 3] * 3


def test_evolution_finds_the_bottom_of_a_bent_valley():
    def rosenbrock(point):
        return 100 * (point[1] - point[0] ** 2) ** 2 + (1 - point[0]) ** 2

    found = minimise(rosenbrock, np.array([-1.0, 1.0]), 1500, np.random.default_rng(0))
    assert np.allclose(found, [1, 1], atol=1e-3)
    one = minimise(lambda point: abs(point[0] - 3), np.zeros(1), 300, np.random.default_rng(0))
    assert abs(one[0] - 3) < 1e-3
    ten = minimise(
        lambda p: float(((np.arange(10) + 1) * (p - 0.5) ** 2).sum()),
        np.zeros(10),
        3000,
        np.random.default_rng(1),
    )
    assert np.allclose(ten, 0.5, atol=1e-3)
    asked = []
    minimise(lambda point: asked.append(point) or 0.0, np.zeros(3), 50, np.random.default_rng(0))
    assert len(asked) <= 50


def test_a_split_is_a_partition_that_the_seed_fixes():
    first = split(10, 0.3, torch.Generator().manual_seed(1))
    assert sorted([*first[0].tolist(), *first[1].tolist()]) == list(range(10)) and len(first[1]) == 3
    again = split(10, 0.3, torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    given = split(6, slice(0, 4), torch.Generator())
    assert given[1].tolist() == [0, 1, 2, 3] and given[0].tolist() == [4, 5]


def test_what_is_per_example_goes_with_its_examples():
    rows = torch.tensor([2, 0])
    assert rows_of(torch.arange(3), rows, 3).tolist() == [2, 0]
    assert rows_of([5, 6, 7], rows, 3) == [7, 5] and rows_of([1, 2], rows, 3) == [1, 2]
    assert rows_of((1, 2, 3), rows, 3) == (1, 2, 3) and rows_of(4, rows, 3) == 4
    pair = rows_of((torch.arange(3), None), rows, 3)
    assert pair[0].tolist() == [2, 0] and pair[1] is None

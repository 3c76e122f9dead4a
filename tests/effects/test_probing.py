"""Examples probed together: each has the verdict that it has alone, by as few rays as decide it."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.analysis.question import Question
from taylorattr.effects import convergence, probing
from taylorattr.effects.series import TaylorSeries
from taylorattr.errors import TaylorAttrWarning
from taylorattr.toys import Polynomial, mlp

pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")


def seeded(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(n=4, activation="tanh"):
    net = mlp((n, 8, 8, 3), activation, dtype=torch.float64)
    with torch.no_grad():
        for weight in net.parameters():
            weight *= 2.0
    return net


SIZES = torch.tensor([0.05, 0.3, 0.6, 1.0, 2.0, 4.0], dtype=torch.float64)[:, None]
"""From steps along which the series converges at once to steps along which it does not."""


def same(together, alone, e):
    size = alone.values.abs().max()
    assert torch.allclose(together.values[e], alone.values[0], rtol=1e-10, atol=1e-13 * float(size))
    assert bool(together.converged[e]) == bool(alone.converged[0])
    assert together.reasons[e] == alone.reasons[0]
    ours, theirs = together.diagnostics["examples"][e], alone.diagnostics["examples"][0]
    assert ours["kinks"] == theirs["kinks"] and ours["decided_early"] == theirs["decided_early"]
    for one, other in zip(ours["rays"], theirs["rays"], strict=True):
        assert (one["players"], one["passed"], one["order"]) == (
            other["players"],
            other["passed"],
            other["order"],
        )


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("frame", ["baseline", "input"])
@pytest.mark.parametrize("own_baselines", [False, True])
@pytest.mark.parametrize("players", [None, [[0, 1], [2], [3]]])
def test_a_batch_has_the_verdicts_of_its_examples(activation, frame, own_baselines, players):
    x = SIZES * seeded(6, 4)
    b = 0.2 * seeded(6, 4, seed=1) if own_baselines else torch.full((1, 4), 0.1, dtype=torch.float64)
    options = {"order": 3, "frame": frame, "players": players, "target": 1}
    net = network(activation=activation)
    together = ta.decompose(net, x, b, **options)
    verdicts = together.converged.tolist()
    assert activation == "relu" or (any(verdicts) and not all(verdicts))
    for e in range(6):
        own = b[e : e + 1] if own_baselines else b
        same(together, ta.decompose(net, x[e : e + 1], own, **options), e)


def test_examples_of_one_target_and_one_argument_share_a_program():
    net = network()

    def model(x, shift):
        return net(x + shift)

    x, shift = 0.2 * seeded(6, 4), torch.tensor([[0.1], [0.2], [0.1], [0.2], [0.1], [0.1]]).double()
    targets = [0, 0, 0, 0, 2, 2]
    options = {"target": targets, "additional_forward_args": shift}
    groups = TaylorSeries(Question(model, x, **options), "baseline").groups
    assert [group.examples for group in groups] == [[0, 2], [1, 3], [4, 5]]
    together = ta.decompose(model, x, order=2, **options)
    for e in range(6):
        alone = ta.decompose(
            model, x[e : e + 1], order=2, target=targets[e], additional_forward_args=shift[e : e + 1]
        )
        same(together, alone, e)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_steps_of_every_size_beside_each_other(scale):
    """D^κ f is the same for all, Δ^κ is not: powers of two keep the products from rounding twice."""
    net, sizes = network(3), torch.tensor([[1e-12], [1.0], [1e12], [0.0]], dtype=torch.float64)
    x = scale * sizes * seeded(4, 3).abs()

    def model(z):
        return net(torch.tanh(z / scale))[:, 0]

    options = {"order": 4, "diagnose": False, "with_tails": False}
    together = ta.decompose(model, x, **options)
    for e in range(3):
        alone = ta.decompose(model, x[e : e + 1], **options).values[0]
        assert torch.allclose(together.values[e], alone, rtol=1e-9, atol=0)
    assert not together.values[3].any()


def test_in_single_precision_a_batch_is_a_loop():
    net = network().float()
    x = (SIZES * seeded(6, 4)).float()
    together = ta.decompose(net, x, order=3, target=0, dtype=torch.float32)
    for e in range(6):
        alone = ta.decompose(net, x[e : e + 1], order=3, target=0, dtype=torch.float32)
        gap = (together.values[e] - alone.values[0]).abs().max()
        assert gap <= 1e-5 * alone.values.abs().max()


@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_tables_by_support_of_a_batch_are_those_of_its_examples(frame):
    net, x, b = network(), seeded(3, 4), 0.1 * seeded(3, 4, seed=2)
    together = ta.degree_by_support(net, x, b, target=0, order=5, frame=frame)
    for e in range(3):
        alone = ta.degree_by_support(net, x[e : e + 1], b[e : e + 1], target=0, order=5, frame=frame)
        for one, other in zip(together, alone, strict=True):
            assert torch.allclose(one.values[e], other.values[0], rtol=1e-10, atol=1e-12)


def looked_at(function, n, size=1.0, **options):
    effects = ta.decompose(function, torch.full((1, n), size), with_tails=False, **options)
    return effects, effects.diagnostics["examples"][0]


def test_a_failing_ray_from_end_to_end_decides():
    effects, found = looked_at(lambda t: torch.tanh(3 * t.sum(1)), 5)
    assert not bool(effects.converged[0]) and found["decided_early"]
    assert [ray["players"] for ray in found["rays"]] == [[0, 1, 2, 3, 4]]


def test_a_player_that_fails_alone_decides():
    effects, found = looked_at(lambda t: 1 / (1 + 25 * (t[:, 0] - t[:, 1]) ** 2), 4)
    assert not bool(effects.converged[0]) and found["decided_early"]
    assert [len(ray["players"]) for ray in found["rays"]] == [4, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("strength", "place"), [(1.0, 1.2), (1e-2, 1.2), (1e-4, 1.2), (1e-4, 4.0), (1e-2, 25.0), (1e-6, 25.0)]
)
def test_what_only_coalitions_show_is_found_however_weak(strength, place):
    """Poles where t₂(t₀ − t₁) = ±i/√place: constant from end to end and along each player."""

    def function(t):
        hidden = t[:, 2] * (t[:, 0] - t[:, 1])
        return torch.tanh(0.2 * t.sum(1)) + 0.3 * t.square().sum(1) + strength / (1 + place * hidden**2)

    effects, found = looked_at(function, 6)
    assert not bool(effects.converged[0]), found["reason"]
    assert all(ray["passed"] for ray in found["rays"] if len(ray["players"]) in (1, 6))


def test_nothing_is_left_out_of_what_converges():
    effects, found = looked_at(lambda t: torch.tanh(0.03 * t.sum(1)), 5)
    assert bool(effects.converged[0]) and not found["decided_early"]
    sizes = [len(ray["players"]) for ray in found["rays"]]
    assert sizes[:6] == [5, 1, 1, 1, 1, 1]
    assert len(sizes) == 6 + len(convergence.random_coalitions(5, 0))
    assert {ray["order"] for ray in found["rays"][1:]} <= set(convergence.FIRST_ORDERS)
    assert found["rays"][0]["order"] == convergence.ORDER
    assert f"all {len(sizes)} probed rays" in found["reason"]


def test_switched_gates_leave_rays_unprobed():
    effects, found = looked_at(lambda t: torch.relu(t[:, 0] - t[:, 1] - 0.5) + t.sum(1), 3)
    assert not bool(effects.converged[0]) and found["decided_early"] and not found["rays"]
    assert found["kinks"]["path"] == 0 and found["kinks"]["per_player"][0] == 1
    assert found["kinks"]["steps"] == 1


def test_a_gate_that_switches_back_is_looked_for_last():
    effects, found = looked_at(lambda t: torch.relu((t[:, 0] - 0.5) ** 2 - 0.1) + t[:, 1] * t[:, 2], 3)
    assert not bool(effects.converged[0]) and not found["decided_early"]
    assert found["kinks"]["path"] == 2 and found["kinks"]["steps"] == 64
    assert "at least 2 kinks" in effects.reasons[0]


def test_a_decided_verdict_asks_for_no_steps_between():
    """tanh(3t) fails; whether the gate behind it switches back on the way is not asked."""

    def function(t):
        return torch.tanh(3 * t.sum(1)) + torch.relu(t.square().sum(1) + 1)

    _, found = looked_at(function, 3)
    assert found["decided_early"] and found["kinks"]["steps"] == 1


def test_a_ray_comes_to_its_end_where_sum_and_coefficients_say_so():
    powers = np.arange(15.0)
    rows = np.stack([20.0**-powers, 3.0**-powers, np.full(15, np.nan)])
    ends = np.array([1 / (1 - 1 / 20), 1 / (1 - 1 / 3), 1.0])
    orders = convergence.first_orders(rows, ends, torch.float64)
    assert orders[0] in convergence.FIRST_ORDERS and orders[1:].tolist() == [convergence.ORDER] * 2
    found = convergence.come_to_end(rows[:, : orders[0] + 1], ends, torch.float64)
    assert found.passed.tolist() == [True, False, False] and 10 < found.radius[0] < 30
    # a sum that passes by the value with coefficients that have not fallen, and one that misses the value
    passing = np.array([[1.0, 1.0, 0.5, 0.25, -0.25]])
    assert not convergence.come_to_end(passing, np.array([2.5]), torch.float64).passed[0]
    assert not convergence.come_to_end(rows[:1, :6], ends[:1] + 1e-5, torch.float64).passed[0]


def test_a_polynomial_needs_no_further_order():
    with warnings.catch_warnings():
        warnings.simplefilter("error", TaylorAttrWarning)
        found = ta.decompose(Polynomial({(1, 0): 3.0, (1, 2): 3.0}), torch.tensor([[1.0, 2.0], [0.5, 3.0]]))
    assert found.converged.all()


def test_nested_derivatives_serve_each_example_of_a_batch():
    x = torch.tensor([[0.1, 0.2], [0.3, 0.1]], dtype=torch.float64)

    def model(z):
        return torch.lgamma(z.sum(1) + 2.0)

    together = ta.decompose(model, x, order=2)
    for e in range(2):
        same(together, ta.decompose(model, x[e : e + 1], order=2), e)
    assert "no Taylor rule" in together.reasons[0]


def test_examples_that_do_not_fit_together_are_probed_in_parts(monkeypatch):
    x = SIZES * seeded(6, 4)
    together = ta.decompose(network(), x, order=3, target=1)
    monkeypatch.setattr(probing, "SHARE_BYTES", 1)
    parts = ta.decompose(network(), x, order=3, target=1)
    assert parts.reasons == together.reasons and parts.converged.tolist() == together.converged.tolist()
    for one, other in zip(parts.diagnostics["examples"], together.diagnostics["examples"], strict=True):
        assert [ray["players"] for ray in one["rays"]] == [ray["players"] for ray in other["rays"]]


def test_batch_normalisation_and_dropout_do_not_mix_rows():
    net = nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.GELU(), nn.Linear(6, 1)).double().eval()
    x = 0.5 * seeded(4, 3)
    together = ta.decompose(net, x, order=3)
    for e in range(4):
        same(together, ta.decompose(net, x[e : e + 1], order=3), e)

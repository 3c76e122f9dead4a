"""No operation that the decomposition engine knows lacks a relevance rule; each rule alone and composed."""

import itertools
import math

import pytest
import torch

from taylorattr.errors import MissingRuleError
from taylorattr.methods.method import attribute
from taylorattr.methods.relevance.difference import difference_rules
from taylorattr.methods.relevance.maths import order_weights
from taylorattr.methods.relevance.propagate import propagate
from tests.methods.relevance.networks import D, draw
from tests.methods.relevance.operations import CASES, TOGETHER
from tests.methods.relevance.test_difference import assert_complete, recorded, walks


def alone(name):
    def model(x):
        y = CASES[name](x).reshape(len(x), -1) if name not in TOGETHER else CASES[name](x)
        return y @ draw(y.shape[1], 2, seed=5)

    return model


def composed(name):
    before = draw(4, 4, seed=3)
    return lambda x: alone(name)((x @ before).tanh() * 2).sin()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("place", [alone, composed], ids=["alone", "composed"])
def test_difference_rules_are_complete(name, place):
    x, b = draw(3, 4), draw(3, 4, seed=2)
    if name in TOGETHER:
        recording = recorded(place(name), (x,), (b,))
        for form, (scores,) in walks(recording):
            size = scores.abs().sum()
            assert (scores.sum() - recording.gap.sum()).abs() <= 1e-13 * size, form
    else:
        assert_complete(recorded(place(name), (x,), (b,)))
        assert_complete(recorded(place(name), (x,), (b[:1],)))


@pytest.mark.parametrize("name", [n for n in CASES if n not in TOGETHER])
def test_at_the_baseline_the_multiplier_is_the_derivative(name):
    """A chord of 1e-6 against autograd: the 0/0 of every rule has the right limit."""
    x = draw(2, 4) + 0.05
    near = x + 1e-6 * draw(2, 4, seed=7)
    recording = recorded(alone(name), (near,), (x,))
    (scores,) = propagate(recording, difference_rules())
    leaf = x.clone().requires_grad_()
    weight = torch.linspace(0.5, 1.5, 2, dtype=D)
    if name in ("floor_divide", "heaviside"):  # torch has no derivative; flat pieces, and those of x
        gradient = torch.zeros_like(x) if name == "floor_divide" else (x > 0) * (draw(4, 2, seed=5) @ weight)
    else:
        (gradient,) = torch.autograd.grad((alone(name)(leaf) * weight).sum(), leaf)
    assert name in ("floor_divide", "div") or bool(gradient.any())
    torch.testing.assert_close(scores / (near - x), gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in CASES if n not in TOGETHER])
def test_lrp_accounts_for_all_relevance(name):
    result = attribute("lrp_epsilon", composed(name), draw(3, 4), target=1, balance=True)
    for e, ledger in enumerate(result.diagnostics["balance"]):
        size = max(abs(entry["incoming"]) for entry in ledger)
        assert all(abs(entry["remainder"]) <= 1e-11 * size for entry in ledger)
        shares = sum(result.diagnostics["shares"][e].values())
        assert abs(float(result.conservation[e]) - shares) <= 1e-10 * size


def brute_force(f, x, b):
    total = torch.zeros_like(x)
    for order in itertools.permutations(range(len(x))):
        now = b.clone()
        for i in order:
            before = f(now)
            now[i] = x[i]
            total[i] += (f(now) - before) / math.factorial(len(x))
    return total


@pytest.mark.parametrize("rank", range(5))
def test_shapley_weights_of_order_statistics_are_the_shapley_values(rank):
    x, b = draw(5), draw(5, seed=3)
    x[1] = b[1]  # an entry that does not move
    weights = order_weights.shapley(x[None], b[None], torch.tensor([rank]))[0, 0]
    expected = brute_force(lambda v: v.sort(descending=True).values[rank], x, b)
    torch.testing.assert_close(weights * (x - b), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rank", range(4))
def test_path_weights_of_order_statistics_are_integrated_gradients(rank):
    x, b = draw(4), draw(4, seed=3)
    weights = order_weights.path(x[None], b[None], torch.tensor([rank]))[0, 0]
    steps = 40_000
    points = b + (torch.arange(steps, dtype=D)[:, None] + 0.5) / steps * (x - b)
    holder = points.argsort(1, descending=True)[:, rank]
    expected = torch.bincount(holder, minlength=4).to(D) / steps
    torch.testing.assert_close(weights, expected, rtol=0, atol=4 / steps)  # one step at each of the crossings


def test_order_statistics_of_rank_one_are_maxima():
    x, b = (draw(3, 5),), (draw(3, 5, seed=2),)
    for form in ("path", "shapley"):
        one = propagate(recorded(lambda x: x.topk(1, 1).values, x, b), difference_rules(form))[0]
        other = propagate(recorded(lambda x: x.amax(1, True), x, b), difference_rules(form))[0]
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_functions_of_two_values_get_their_shapley_values():
    x, b = draw(1, 2), draw(1, 2, seed=3)
    (scores,) = propagate(recorded(lambda x: torch.atan2(x[:, :1], x[:, 1:]), (x,), (b,)), difference_rules())
    expected = brute_force(lambda v: torch.atan2(v[0], v[1]) / 2, x[0], b[0])
    torch.testing.assert_close(scores[0], expected, rtol=1e-12, atol=1e-14)


def test_running_products_are_integrated_gradients_of_each():
    x, b = draw(2, 4), draw(2, 4, seed=3)
    (scores,) = propagate(recorded(lambda x: x.cumprod(1), (x,), (b,)), difference_rules())
    weight = torch.linspace(0.5, 1.5, 4, dtype=D)
    expected = attribute("integrated_gradients", lambda x: (x.cumprod(1) * weight).sum(1), x, b).player_scores
    torch.testing.assert_close(scores, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (lambda x: x.histc(4, -1, 1).expand(len(x), 4), "aten.histc.*sums of sigmoids"),
        (lambda x: (3 * x).round().mode(1, True).values, "aten.mode.*use a baseline with the same mode"),
        (lambda x: x.repeat(1, 40).sort(1).values, "aten.sort.*at most 128"),
        (lambda x: x.gather(1, x.argsort(1)), "aten.gather.*mask or index differs"),
        (lambda x: x**x, "aten.pow.*baseline inside its domain"),
    ],
    ids=["histc", "mode", "wide sort", "gather", "pow"],
)
def test_refusals_say_what_to_do(model, match):
    with pytest.raises(MissingRuleError, match=match):
        propagate(recorded(model, (draw(3, 4),), (draw(3, 4, seed=2),)), difference_rules())


def test_an_index_that_is_the_same_at_both_ends_is_a_constant():
    x = draw(3, 4)
    assert_complete(recorded(lambda x: x.gather(1, x.argsort(1)) * x, (x,), (x * 0.7,)))

"""Breakpoints of piecewise linear models on a straight path."""

import pytest
import torch
from torch import nn

from taylorattr import toys
from taylorattr.autodiff.path_pieces import NotPiecewiseLinearError, breakpoints
from taylorattr.program.capture import capture
from tests.methods.networks import Pooled, Residual, points, seeded


def find(function, b, x, limit=10_000):
    return breakpoints(capture(function, (x[:1],)), (b,), (x,), limit)


def test_one_unit_switches_where_it_crosses_zero():
    b, x = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([[3.0], [2.0]]).double()
    alphas, owners = find(lambda z: z.relu()[:, 0], b, x)
    assert owners.tolist() == [0, 0, 0, 1, 1]
    torch.testing.assert_close(alphas, torch.tensor([0, 0.25, 1, 0, 1], dtype=torch.float64))


def test_clamps_have_two_cuts_and_equal_places_are_one():
    b, x = torch.zeros(1, 2).double(), torch.full((1, 2), 4.0).double()
    alphas, _ = find(lambda z: z.clamp(1, 3).sum(1), b, x)
    torch.testing.assert_close(alphas, torch.tensor([0, 0.25, 0.75, 1], dtype=torch.float64))
    alphas, _ = find(lambda z: nn.functional.hardtanh(z - 2).sum(1), b, x)
    torch.testing.assert_close(alphas, torch.tensor([0, 0.25, 0.75, 1], dtype=torch.float64))


@pytest.mark.parametrize(
    "model, shape",
    [(toys.mlp((4, 16, 16, 16, 1), "relu", dtype=torch.float64), (4,)), (seeded(Residual()), (1, 6, 6))],
    ids=["mlp", "residual"],
)
def test_between_breakpoints_the_model_is_straight(model, shape):
    b, x = points(3, *shape), points(3, *shape, seed=2)
    alphas, owners = find(lambda z: model(z)[:, 0], b, x)
    inside = owners[1:] == owners[:-1]
    assert int(inside.sum()) > 20
    low, high, who = alphas[:-1][inside], alphas[1:][inside], owners[1:][inside]
    assert bool((high >= low).all())

    def f(places):
        column = places.reshape(-1, *([1] * len(shape)))
        return model(torch.lerp(b[who], x[who], column))[:, 0]

    middle = f((low + high) / 2)
    straight = (f(low) + f(high)) / 2
    torch.testing.assert_close(middle, straight, rtol=0, atol=1e-12)  # rounding of outputs of size 1


def test_the_derivative_jumps_at_every_breakpoint():
    model = toys.mlp((4, 16, 1), "relu", dtype=torch.float64)
    b, x = points(1, 4), points(1, 4, seed=2)
    alphas, _ = find(lambda z: model(z)[:, 0], b, x)
    switching = (model[0](b) * model[0](x) < 0).sum()
    assert len(alphas) == int(switching) + 2


@pytest.mark.parametrize(
    "function, shape, message",
    [
        (lambda z: z.tanh().sum(1), (3,), "tanh.* not affine"),
        (lambda z: (z * z).sum(1), (3,), "mul.* not affine"),
        (lambda z: seeded(Pooled())(z)[:, 0], (1, 7, 7), "max_pool"),
    ],
)
def test_other_operations_are_named(function, shape, message):
    with pytest.raises(NotPiecewiseLinearError, match=message):
        find(function, points(1, *shape), points(1, *shape, seed=2))


def test_too_many_pieces_stop_early():
    model = toys.mlp((4, 64, 1), "relu", dtype=torch.float64)
    with pytest.raises(NotPiecewiseLinearError, match="more than 5 breakpoints"):
        find(lambda z: model(z)[:, 0], points(1, 4), points(1, 4, seed=2), limit=5)

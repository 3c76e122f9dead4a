"""Which operations are affine, and degrees of polynomial programs."""

import pytest
import torch
from torch import nn

from taylorattr import toys
from taylorattr.program.affine import NotPolynomialError, polynomial_degree
from taylorattr.program.capture import capture
from tests.methods.networks import points, seeded


def degree(function, *shape):
    return polynomial_degree(capture(function, (points(1, *shape),)))


@pytest.mark.parametrize(
    "function, shape, expected",
    [
        (lambda x: (3 * x - 1).sum(1), (4,), 1),
        (lambda x: (x * x.flip(1) + x).mean(1), (4,), 2),
        (lambda x: x.pow(3).sum(1) / 7, (4,), 3),
        (lambda x: (x[:, 0] ** 2) * x[:, 1] ** 5, (4,), 7),
        (lambda x: torch.cat([x * x, x], 1).sum(1), (4,), 2),
        (lambda x: (x @ x.transpose(1, 2)).square().sum((1, 2)), (3, 2), 4),
    ],
)
def test_degrees(function, shape, expected):
    assert degree(function, *shape) == expected


def test_layers_are_affine():
    model = seeded(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 1))
    )
    assert degree(lambda x: model(x)[:, 0], 1, 6, 6) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.exp().sum(1),
        lambda x: (1 / x).sum(1),
        lambda x: (x / x.sum(1, keepdim=True)).sum(1),
        lambda x: x.relu().sum(1),
        lambda x: x.abs().sqrt().sum(1),
        lambda x: (x**0.5).sum(1),
        lambda x: torch.div(x, 2, rounding_mode="floor").sum(1),
    ],
)
def test_what_is_no_polynomial_is_named(function):
    with pytest.raises(NotPolynomialError, match="aten..* is no polynomial"):
        polynomial_degree(capture(lambda x: function(x), (points(1, 3).abs(),)))


def test_a_toy_has_at_least_its_own_degree():
    model = toys.Polynomial({(1, 2): 1, (0, 5): 2})
    assert degree(model, 2) == 5

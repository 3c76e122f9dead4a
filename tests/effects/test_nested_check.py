"""Nested derivatives are compared with the values of the function before they are believed."""

import math

import pytest
import torch

import taylorattr as ta
from taylorattr.effects.nested_check import require_true_derivatives
from taylorattr.errors import CaptureError

X = torch.tensor([[1.3, -2.2, 0.7]], dtype=torch.float64)
B = torch.tensor([[-0.9, 1.1, -0.4]], dtype=torch.float64)
EPS = torch.finfo(torch.float64).eps


def with_item(z):
    return z.sum(1) + torch.tensor([math.tanh(float(row.sum())) for row in z], dtype=z.dtype)


def with_numpy(z):
    return torch.from_numpy(z.detach().numpy() ** 2).sum(1)


def without_derivative(z):
    return torch.special.bessel_j0(z).sum(1)


def without_second_derivative(z):
    first = torch.zeros(len(z), dtype=torch.long)
    return torch.nn.functional.multi_margin_loss(z, first, reduction="none")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [with_item, with_numpy, without_derivative, without_second_derivative])
def test_derivatives_that_would_be_wrong_are_refused(model):
    with pytest.raises(CaptureError, match="harsanyi"):
        ta.decompose(model, X, B, order=2)


@pytest.mark.parametrize(
    "function",
    [
        lambda t: t.sin().sum(),
        lambda t: t.relu().sum(),  # a kink at the expansion point
        lambda t: t.sum() * 0.0 + 3.0,
        lambda t: (1e8 + t).sum(),  # a difference of large numbers is mostly rounding
        lambda t: 1e-9 * t.exp().sum(),
    ],
)
def test_true_derivatives_pass(function):
    require_true_derivatives(function, torch.zeros(3, dtype=torch.float64), 4, EPS)


def test_a_detached_factor_is_seen():
    with pytest.raises(CaptureError, match="escapes differentiation"):
        require_true_derivatives(
            lambda t: (t * t.detach()).sum(), torch.zeros(3, dtype=torch.float64), 1, EPS
        )


def test_rounding_of_a_coarse_dtype_is_no_reason_to_refuse():
    def coarse(t):
        return t.to(torch.float16).double().sin().sum()

    require_true_derivatives(coarse, torch.ones(3, dtype=torch.float64), 2, torch.finfo(torch.float16).eps)


def solved(z):
    matrix = z[:, :4].reshape(-1, 2, 2) + 4 * torch.eye(2, dtype=z.dtype)
    return torch.linalg.solve(matrix, torch.ones(2, dtype=z.dtype)).sum(1)


@pytest.mark.filterwarnings("ignore")
def test_an_operation_torch_nests_wrongly_is_refused_from_the_order_on_where_it_is_wrong():
    x = torch.tensor([[1.3, -2.2, 0.7, 2.6]], dtype=torch.float64)
    assert ta.decompose(solved, x, order=2).order == 2
    with pytest.raises(CaptureError, match="order 3.*Lower order= to 2"):
        ta.decompose(solved, x, order=3)

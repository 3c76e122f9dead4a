"""Eq. (39), (44): Rescale of one unit, and of one hidden layer, shares each term by κ_i/m."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from tests.allocation.units import Polynomial, Power, assert_same, case


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("baseline", [False, True])
@pytest.mark.parametrize("frame", ["baseline", "input"])
@pytest.mark.parametrize("activation", [Power(3), Polynomial(0.5, -1.0, 0.3, 0.2)])
def test_the_rule_is_rescale_of_a_polynomial_unit(n, baseline, frame, activation):
    unit = case(activation, n, seed=n, bias=0.6, baseline=baseline)
    direct = unit.scores("deeplift_rescale")
    assert_same(ta.allocate("deeplift_rescale", unit.effects(4, frame), None), direct)


def test_one_hidden_layer_has_the_ratio_as_a_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), Power(3), nn.Linear(5, 1)).double().eval()
    x, b = torch.randn(2, 3).double(), torch.randn(1, 3).double()
    direct = ta.attribute("deeplift_rescale", model, x, b).player_scores
    assert_same(ta.allocate("deeplift_rescale", ta.decompose(model, x, b, order=3)), direct)


def test_two_hidden_layers_have_not():
    torch.manual_seed(0)
    model = (
        nn.Sequential(nn.Linear(3, 4), Power(2), nn.Linear(4, 4), Power(2), nn.Linear(4, 1)).double().eval()
    )
    x, b = torch.randn(2, 3).double(), torch.zeros(1, 3).double()
    direct = ta.attribute("deeplift_rescale", model, x, b).player_scores
    allocated = ta.allocate("deeplift_rescale", ta.decompose(model, x, b, order=4))
    assert float((allocated.player_scores - direct).abs().max()) > 1e-3


@pytest.mark.parametrize("width", [2, 4, 8])
def test_a_smooth_unit_inside_the_radius_and_the_remainder_shrinks(width):
    unit = case(nn.Tanh(), width, seed=4, bias=0.2, reach=0.5, baseline=True)
    direct = unit.scores("deeplift_rescale")
    errors = []
    for order in (2, 5, 8):
        allocated = ta.allocate("deeplift_rescale", unit.effects(order))
        errors.append(float((allocated.player_scores - direct).abs().max()))
    assert errors[2] < 0.2 * errors[1] < 0.04 * errors[0]


def test_a_wrong_ratio_is_caught():
    unit = case(Power(3), 3, seed=5)
    with pytest.raises(AssertionError, match="off by"):
        assert_same(ta.allocate("shapley", unit.effects(3)), unit.scores("deeplift_rescale"))

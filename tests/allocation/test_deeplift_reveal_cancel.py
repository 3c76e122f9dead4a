"""Eq. (41): RevealCancel of one unit is an allocation of its Taylor effects by sign pattern."""

from fractions import Fraction

import pytest
import torch
from torch import nn

import taylorattr as ta
from tests.allocation.units import Polynomial, Power, assert_same, case


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("baseline", [False, True])
@pytest.mark.parametrize("frame", ["baseline", "input"])
@pytest.mark.parametrize("activation", [Power(3), Polynomial(0.5, -1.0, 0.3, 0.2)])
def test_the_rule_is_reveal_cancel_of_a_polynomial_unit(n, baseline, frame, activation):
    unit = case(activation, n, seed=n, bias=0.6, baseline=baseline)
    direct = unit.scores("deeplift_reveal_cancel")
    assert_same(ta.allocate("deeplift_reveal_cancel", unit.effects(4, frame), {"u": unit.u}), direct)


def test_one_group_alone_is_rescale():
    unit = case(Power(3), 3, seed=1)
    unit.x = unit.x.abs() * unit.w.sign()
    direct = unit.scores("deeplift_rescale")
    assert_same(ta.allocate("deeplift_reveal_cancel", unit.effects(3), {"u": unit.u}), direct)


def test_mixed_terms_go_half_to_each_group():
    ratio = ta.RULES["deeplift_reveal_cancel"].ratio
    context = {"u": [1.0, 2.0, -4.0]}
    assert ratio([2, 1, 5], context).tolist() == [Fraction(1, 3), Fraction(1, 6), Fraction(1, 2)]
    assert ratio([2, 1, 0], context).tolist() == [Fraction(2, 3), Fraction(1, 3), 0]
    assert ratio([0, 0, 2], context).tolist() == [0, 0, 1]


def test_units_with_one_sign_pattern_share_the_ratio_as_a_network():
    """Eq. (44): all units have the signs of w_ji Δ_i in common."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), Power(3), nn.Linear(5, 1)).double().eval()
    signs = torch.tensor([1.0, -1.0, 1.0]).double()
    model[0].weight.data = model[0].weight.data.abs() * signs
    x = torch.rand(2, 3).double() + 0.1
    direct = ta.attribute("deeplift_reveal_cancel", model, x).player_scores
    effects = ta.decompose(model, x, order=3)
    assert_same(ta.allocate("deeplift_reveal_cancel", effects, {"u": signs}), direct)


def test_a_smooth_unit_inside_the_radius_and_the_remainder_shrinks():
    unit = case(nn.Tanh(), 3, seed=4, bias=0.2, reach=0.5, baseline=True)
    direct = unit.scores("deeplift_reveal_cancel")
    errors = []
    for order in (2, 5, 8):
        allocated = ta.allocate("deeplift_reveal_cancel", unit.effects(order), {"u": unit.u})
        errors.append(float((allocated.player_scores - direct).abs().max()))
    assert errors[2] < 0.1 * errors[1] < 0.01 * errors[0]


def test_a_wrong_ratio_is_caught():
    unit = case(Power(3), 3, seed=5)
    with pytest.raises(AssertionError, match="off by"):
        assert_same(ta.allocate("deeplift_rescale", unit.effects(3)), unit.scores("deeplift_reveal_cancel"))

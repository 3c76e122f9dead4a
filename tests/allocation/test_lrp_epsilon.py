"""Eq. (29)-(31): LRP-ε of one unit is an allocation of its Taylor effects."""

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import OptionError
from tests.allocation.units import Polynomial, Power, assert_same, case


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("bias", [0.0, 0.7, -1.3])
@pytest.mark.parametrize("epsilon", [0.0, 0.05])
def test_the_rule_is_lrp_of_a_polynomial_unit(n, bias, epsilon):
    unit = case(Power(3), n, seed=n, bias=bias)
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=epsilon)
    allocated = ta.allocate("lrp_epsilon", unit.effects(3), {"u": unit.u, "c": bias, "epsilon": epsilon})
    assert_same(allocated, direct)


@pytest.mark.parametrize("seed", range(4))
def test_the_rule_is_lrp_of_a_sum_of_powers(seed):
    unit = case(Polynomial(0.5, -1.0, 0.3, 0.2), 4, seed=seed, bias=0.4)
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=0.0)
    assert_same(ta.allocate("lrp_epsilon", unit.effects(4), {"u": unit.u, "c": 0.4, "epsilon": 0.0}), direct)


def test_an_active_relu_gives_its_first_order_effects_at_the_input():
    unit = case(nn.ReLU(), 4, seed=1, bias=0.3)
    unit.x = unit.x[unit.unit(unit.x).detach() > 0]
    context = {"u": unit.u, "c": 0.3, "epsilon": 0.1}
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=0.1)
    assert_same(ta.allocate("lrp_epsilon/relu", unit.effects(1, "input"), context), direct)


def test_a_smooth_unit_gives_scaled_first_order_effects_at_the_input():
    unit = case(nn.Tanh(), 3, seed=2, bias=0.3)
    z = (unit.x @ unit.w + 0.3).numpy()
    context = {"u": unit.u, "c": 0.3, "epsilon": 0.0, "y": np.tanh(z), "slope": 1 - np.tanh(z) ** 2}
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=0.0)
    assert_same(ta.allocate("lrp_epsilon/input_frame", unit.effects(1, "input"), context), direct)


def test_without_bias_and_epsilon_the_ratio_is_that_of_integrated_gradients():
    unit = case(Polynomial(1.0, 0.5, 0.25), 3, seed=3)
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=0.0)
    assert_same(ta.allocate("lrp_epsilon/bias_free", unit.effects(3)), direct)
    assert_same(ta.allocate("integrated_gradients", unit.effects(3)), direct)


def test_the_constant_is_handed_out():
    """(x1+1)² at 1: effects 2 and 1, LRP gives 2 = ½·3 + ½·1."""
    context = {"u": [1.0], "c": 1.0, "epsilon": 0.0}
    rule = ta.RULES["lrp_epsilon"]
    assert rule.ratio([2], context)[0] * 3 + rule.constant_shares(1, context)[0] == 2


def test_a_smooth_unit_inside_the_radius_and_the_remainder_shrinks():
    unit = case(nn.Tanh(), 3, seed=4, bias=0.2, reach=0.5)
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=0.0)
    errors = []
    for order in (3, 6, 9):
        context = {"u": unit.u, "c": 0.2, "epsilon": 0.0}
        allocated = ta.allocate("lrp_epsilon", unit.effects(order), context)
        errors.append(float((allocated.player_scores - direct).abs().max()))
    assert errors[2] < 0.1 * errors[1] < 0.01 * errors[0]


def test_a_unit_that_is_not_0_at_0_is_stabilised_twice():
    unit = case(nn.Sigmoid(), 3, seed=4, bias=0.4, reach=0.3)
    z = unit.x @ unit.w + 0.4
    assert bool((z > 0).all())
    context = {"u": unit.u, "c": 0.4, "epsilon": 0.1}
    allocated = ta.allocate("lrp_epsilon", unit.effects(10), context).player_scores
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=0.1)
    # the remainder of order 10 at |u| ≤ 0.3 and radius 3 is below 1e-9
    torch.testing.assert_close(allocated * (z / (z + 0.1))[:, None], direct, atol=1e-9, rtol=0)


def test_a_wrong_scale_is_caught():
    unit = case(Power(2), 3, seed=5, bias=0.7)
    direct = unit.scores("lrp_epsilon", baselines=False, epsilon=0.0)
    with pytest.raises(AssertionError, match="off by"):
        assert_same(ta.allocate("lrp_epsilon/bias_free", unit.effects(2)), direct)


def test_a_missing_quantity_is_named():
    with pytest.raises(OptionError, match="depends on 'u'"):
        ta.RULES["lrp_epsilon"].ratio([1, 1])


def test_depth_is_said():
    assert all(rule.depth and rule.scope == "unit" for rule in ta.RULES.of_method("lrp_epsilon"))


def test_the_scores_of_a_relu_network_are_those_of_gradient_x_input():
    """Eq. (32), what `depth` promises."""
    torch.manual_seed(0)
    model = (
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)).double().eval()
    )
    x = torch.randn(3, 4, dtype=torch.float64)
    lrp = ta.attribute("lrp_epsilon", model, x, epsilon=0.0).player_scores
    torch.testing.assert_close(lrp, ta.attribute("gradient_x_input", model, x).player_scores)

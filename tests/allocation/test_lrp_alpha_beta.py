"""Eq. (33)-(36): LRP-αβ of one unit is an allocation of its Taylor effects, with its leaks."""

from fractions import Fraction

import pytest
import sympy as sp
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import OptionError
from tests.allocation.units import Polynomial, Power, Unit, assert_same, case

ONE_TWO = {"u": [3.0, -1.0], "alpha": 2.0, "beta": 1.0}


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.5])
def test_the_rule_is_alpha_beta_of_a_polynomial_unit(n, alpha):
    unit = case(Power(3), n, seed=n)
    direct = unit.scores("lrp_alpha_beta", baselines=False, alpha=alpha)
    context = {"u": unit.u, "alpha": alpha, "beta": alpha - 1}
    assert_same(ta.allocate("lrp_alpha_beta", unit.effects(3), context), direct)


@pytest.mark.parametrize("bias", [0.8, -0.6])
def test_a_bias_in_the_denominators_and_one_that_is_ignored(bias):
    unit = case(Polynomial(0.5, -1.0, 0.3), 4, seed=2, bias=bias)
    direct = unit.scores("lrp_alpha_beta", baselines=False, epsilon=0.0)
    assert_same(ta.allocate("lrp_alpha_beta/bias", unit.effects(3), {"u": unit.u, "c": bias}), direct)
    ignored = unit.scores("lrp_alpha_beta", baselines=False, epsilon=0.0, bias="ignore")
    assert_same(ta.allocate("lrp_alpha_beta", unit.effects(3), {"u": unit.u}), ignored)


def test_pure_terms_leak_into_the_other_group():
    """x1 − x2 at (3, 1): ψ = (3, −1), R = (2α, −2β)."""
    rule = ta.RULES["lrp_alpha_beta"]
    assert rule.ratio([1, 0], ONE_TWO).tolist() == [2, -1]
    assert rule.ratio([0, 1], ONE_TWO).tolist() == [2, -1]
    unit = case(nn.Identity(), 2)
    unit.unit = Unit(torch.tensor([1.0, -1.0]), 0.0, nn.Identity())
    unit.x = torch.tensor([[3.0, 1.0]], dtype=torch.float64)
    assert unit.scores("lrp_alpha_beta", baselines=False).tolist() == [[4.0, -2.0]]


def test_an_empty_group_doubles_the_total():
    """Eq. (34)."""
    context = {"u": [1.0, 1.0], "alpha": 2.0, "beta": 1.0}
    assert sum(ta.RULES["lrp_alpha_beta"].ratio([1, 2], context)) == 2


def test_a_mixed_term_is_shared_by_exponents_in_each_group():
    context = {"u": [1.0, 5.0, -1.0], "alpha": 2.0, "beta": 1.0}
    assert ta.RULES["lrp_alpha_beta"].ratio([2, 1, 4], context).tolist() == [
        Fraction(4, 3),
        Fraction(2, 3),
        -1,
    ]


def test_a_smooth_unit_inside_the_radius_and_the_remainder_shrinks():
    unit = case(nn.Tanh(), 3, seed=4, reach=0.5)
    direct = unit.scores("lrp_alpha_beta", baselines=False)
    errors = []
    for order in (3, 6, 9):
        allocated = ta.allocate("lrp_alpha_beta", unit.effects(order), {"u": unit.u})
        errors.append(float((allocated.player_scores - direct).abs().max()))
    assert errors[2] < 0.1 * errors[1] < 0.01 * errors[0]


def test_a_rule_without_the_leak_is_caught():
    unit = case(Power(2), 3, seed=5)
    direct = unit.scores("lrp_alpha_beta", baselines=False)
    with pytest.raises(AssertionError, match="off by"):
        assert_same(ta.allocate("deeplift_reveal_cancel", unit.effects(2), {"u": unit.u}), direct)


@pytest.mark.parametrize("name", ["lrp_alpha_beta", "lrp_alpha_beta/bias"])
def test_alpha_and_beta_belong_together(name):
    effects = ta.symbolic_effects(sp.sympify("x0*x1 + x0"), sp.symbols("x0 x1"), (1, 2))
    context = {"u": [1, -1]} | ({"c": 0} if name.endswith("bias") else {})
    assert ta.allocate(name, effects, context | {"alpha": 3, "beta": 2}).names == ("x0", "x1")
    with pytest.raises(OptionError, match="α = 3 and β = 1; the rule has α − β = 1"):
        ta.allocate(name, effects, context | {"alpha": 3})
    with pytest.raises(OptionError, match="β ≥ 0"):
        ta.allocate(name, effects, context | {"alpha": 0.5, "beta": -0.5})

"""Rows 12, eq. (37)-(38): Deep Taylor of one unit is an allocation of its effects."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from tests.allocation.units import Polynomial, Power, assert_same, case


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("bias", [0.0, 0.7, -0.4])
def test_z_plus_with_the_bias_ignored_and_in_the_denominator(n, bias):
    unit = case(Power(3), n, seed=n, bias=bias)
    effects = unit.effects(3)
    assert_same(ta.allocate("deep_taylor", effects, {"u": unit.u}), unit.scores("deep_taylor", False))
    direct = unit.scores("deep_taylor", False, bias="denominator")
    assert_same(ta.allocate("deep_taylor/bias", effects, {"u": unit.u, "c": bias}), direct)


@pytest.mark.parametrize("activation", [Power(3), nn.ReLU(), nn.Tanh()])
@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_first_layer_rules_share_every_effect_alike(activation, bias):
    unit = case(activation, 3, seed=1, bias=bias)
    effects = ta.harsanyi(unit.unit, unit.x, unit.b)
    direct = unit.scores("deep_taylor", False, first="w2")
    assert_same(ta.allocate("deep_taylor/w2", effects, {"w": unit.w}), direct)
    low, high = torch.full((3,), -4.0).double(), torch.full((3,), 5.0).double()
    direct = unit.scores("deep_taylor", False, first="z_B", low=-4.0, high=5.0)
    context = {"w": unit.w, "x": unit.x, "low": low, "high": high}
    assert_same(ta.allocate("deep_taylor/z_B", effects, context), direct)


def test_first_layer_rules_on_taylor_effects():
    unit = case(Polynomial(0.5, 0.25), 3, seed=2)
    direct = unit.scores("deep_taylor", False, first="w2")
    assert_same(ta.allocate("deep_taylor/w2", unit.effects(2), {"w": unit.w}), direct)


def test_the_leak_of_each():
    """x1 − x2 at (3, 1): (2, 0), (1, 1), (1, 1)."""
    effects = [3.0, -1.0]
    found = []
    for name, context in (
        ("deep_taylor", {"u": [3.0, -1.0]}),
        ("deep_taylor/w2", {"w": [1.0, -1.0]}),
        ("deep_taylor/z_B", {"w": [1.0, -1.0], "x": [3.0, 1.0], "low": [0.0, 0.0], "high": [4.0, 4.0]}),
    ):
        first, second = (ta.RULES[name].ratio(kappa, context) for kappa in ([1, 0], [0, 1]))
        found.append([float(first[i] * effects[0] + second[i] * effects[1]) for i in range(2)])
    # 3·4/… in z^B: q = (3, 3), so halves
    assert found == [[2.0, 0.0], [1.0, 1.0], [1.0, 1.0]]


def test_wrong_shares_are_caught():
    unit = case(Power(3), 3, seed=5)
    with pytest.raises(AssertionError, match="off by"):
        assert_same(
            ta.allocate("deep_taylor/w2", unit.effects(3), {"w": unit.w}), unit.scores("deep_taylor", False)
        )

"""Floats are read as the fractions they stand for, however small, and a row's rounding is taken out."""

from fractions import Fraction

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.design.exact_numbers import exact, exact_row


@pytest.mark.parametrize(
    "value", [Fraction(1, 3), Fraction(-22, 7), Fraction(1, 3) / 2**60, Fraction(5, 99_991)]
)
def test_a_simple_fraction_survives_its_float(value):
    small = value.denominator <= 10**5
    assert exact(float(value)) == (value if small else Fraction(float(value)))


def test_a_small_power_is_not_rounding():
    assert exact(2.0**-99) == Fraction(1, 2**99)
    assert exact(0.0) == 0


def test_what_rounding_leaves_in_a_row_is_nothing():
    assert exact_row([0.1 + 0.2 - 0.3, 1.0]) == [0, 1]
    assert sum(exact_row(np.sqrt([2.0, 3.0, 5.0]) / np.sqrt([2.0, 3.0, 5.0]).sum())) == 1


def test_banzhaf_values_of_many_players_are_sampled():
    rule = ta.design.semivalue(shares=lambda s: 2.0 ** (1 - s), name="test_banzhaf")
    (way,) = (way for way in rule.ways if way.name == "samples")
    shares, reason = way.shares(100, {})
    assert reason == "" and shares == [Fraction(1, 2 ** (s - 1)) for s in range(1, 101)]

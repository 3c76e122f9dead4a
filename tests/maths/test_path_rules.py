"""Quadrature rules on a path: moments, weights, refusals."""

import numpy as np
import pytest

from taylorattr.errors import OptionError
from taylorattr.maths.path_rules import path_rule

RULES = ("gauss_legendre", "left", "right", "midpoint", "trapezoid")


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("count", [2, 3, 10, 65, 200])
def test_nodes_lie_on_the_path_and_weights_add_up(name, count):
    nodes, weights = path_rule(name, count)
    assert len(nodes) == len(weights) == count
    assert (np.diff(nodes) > 0).all() and nodes[0] >= 0 and nodes[-1] <= 1
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-14)  # a sum of `count` rounded numbers


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_gauss_is_exact_up_to_degree_2q_minus_1_and_not_beyond(count):
    nodes, weights = path_rule("gauss_legendre", count)
    for power in range(2 * count):
        np.testing.assert_allclose(weights @ nodes**power, 1 / (power + 1), rtol=1e-13)
    if count < 20:  # beyond that the first missed moment differs by less than rounding
        assert abs(weights @ nodes ** (2 * count) - 1 / (2 * count + 1)) > 1e-13


def test_many_gauss_nodes_are_panels_with_a_rule_each():
    nodes, weights = path_rule("gauss_legendre", 130)
    half = 0.437  # a kink: inside one panel only
    assert abs(weights @ np.maximum(nodes - half, 0) - (1 - half) ** 2 / 2) < 1e-5


def test_the_elementary_rules_are_what_they_are_called():
    np.testing.assert_array_equal(path_rule("left", 4)[0], [0, 0.25, 0.5, 0.75])
    np.testing.assert_array_equal(path_rule("right", 4)[0], [0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(path_rule("midpoint", 2)[0], [0.25, 0.75])
    nodes, weights = path_rule("trapezoid", 3)
    np.testing.assert_array_equal(nodes, [0, 0.5, 1])
    np.testing.assert_array_equal(weights, [0.25, 0.5, 0.25])


def test_wrong_requests_are_refused():
    with pytest.raises(OptionError, match="expected one of gauss_legendre"):
        path_rule("simpson", 4)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="nodes for the rule trapezoid: count=1; expected an integer ≥ 2"):
        path_rule("trapezoid", 1)
    with pytest.raises(OptionError, match="expected a positive integer"):
        path_rule("left", 0)

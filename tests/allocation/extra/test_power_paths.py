import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.allocation.extra.power_paths import power_path
from taylorattr.errors import OptionError
from taylorattr.maths.path_rules import path_rule
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, table
from tests.allocation.extra.test_straight_paths import gradient
from tests.allocation.networks import PLAYERS, WIDTHS, TanhNetwork, inside, shrinks

EXPONENTS = st.lists(st.integers(1, 3), min_size=3, max_size=3)


def along(polynomial, x, b, p):
    """∫₀¹ ∂_i f(y(t)) y_i'(t) dt, y_j = b_j + Δ_j t^{p_j}; whole exponents: a polynomial of degree ≤ 11."""
    x, b, p = (np.array([float(v) for v in at]) for at in (x, b, p))
    nodes, weights = path_rule("gauss_legendre", 12)
    total = np.zeros(len(x))
    for t, w in zip(nodes, weights, strict=True):
        speed = (x - b) * p * t ** (p - 1)
        total += w * speed * [gradient(polynomial, b + (x - b) * t**p, i) for i in range(len(x))]
    return [total]


@settings(deadline=None, max_examples=25)
@given(cases(), EXPONENTS)
def test_polynomials(case, exponents):
    p = exponents[: len(case[1])]
    confirm("power_path", table(*case), along(*case, p), {"p": p})
    confirm(power_path(p), table(*case), along(*case, p))


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    p = np.array([1.0, 2.0, 3.0])
    nodes, weights = path_rule("gauss_legendre", 48)
    scores = np.zeros((len(x), PLAYERS))
    for t, w in zip(nodes, weights, strict=True):
        y = torch.from_numpy(x.numpy() * t**p).requires_grad_(True)
        network(y).sum().backward()
        scores += w * (x.numpy() * p * t ** (p - 1)) * y.grad.numpy()
    shrinks(power_path(p), network, x, scores)


def test_equal_exponents_are_integrated_gradients():
    kappa = (3, 0, 2)
    expected = list(ta.RULES["integrated_gradients"].ratio(kappa))
    assert list(power_path([2, 2, 2]).ratio(kappa)) == expected


def test_exponents_are_positive():
    with pytest.raises(OptionError, match="lies outside: p_2 = 0, expected a positive number"):
        ta.allocate("power_path", table({(1, 1): 1}, (1, 1), (0, 0)), {"p": [1, 0]})


def test_a_wrong_entry_is_caught():
    case = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    scores = along(*case, [1, 3])
    assert not refuted(power_path([1, 3]), table(*case), scores)
    assert refuted(off_by_one_percent(power_path([1, 3]), (1, 2)), table(*case), scores)

import pytest
import torch
from hypothesis import given, settings

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import ORDERS, WIDTHS, TanhNetwork, inside, relu_network, shrinks


def direct(polynomial, x, b, **options):
    return ta.attribute("gradient_x_input", Polynomial(polynomial), row(x), row(b), **options).player_scores


@settings(deadline=None, max_examples=25)
@given(cases())
def test_polynomials_in_both_frames(case):
    scores = direct(*case)
    confirm("gradient_x_input", table(*case), scores)
    confirm("gradient_x_input/input", table(*case, frame="input"), scores)


@settings(deadline=None, max_examples=25)
@given(cases())
def test_polynomials_with_x_in_place_of_delta(case):
    _, x, b = case
    context = {"x": row(x), "Delta": row(x) - row(b)}
    confirm("gradient_x_input/plain_x", table(*case), direct(*case, multiply_by="input"), context)


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    scores = ta.attribute("gradient_x_input", network, x).player_scores
    shrinks("gradient_x_input", network, x, scores, weight=lambda m: m)
    # seen from x only the gradient at x counts: exact at every order
    for order in ORDERS:
        effects = ta.decompose(network, x, order=order, frame="input")
        confirm("gradient_x_input/input", effects, scores)


def test_relu_network_seen_from_the_input():
    network, x = relu_network(4), torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).double()
    effects = ta.decompose(network, x, order=1, frame="input")
    confirm("gradient_x_input/input", effects, ta.attribute("gradient_x_input", network, x).player_scores)


def test_a_wrong_entry_is_caught():
    case = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    wrong = off_by_one_percent("gradient_x_input", (1, 2), receiver=1)
    assert not refuted("gradient_x_input", table(*case), direct(*case))
    assert refuted(wrong, table(*case), direct(*case))


def test_an_interaction_counts_once_for_each_factor():
    # 3x₀ | x₁² | 3x₀x₁² at (1, 2): 3 + 12 and 2·4 + 2·12
    scores = ta.allocate("gradient_x_input", table({(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)))
    assert scores.player_scores.tolist() == [[15.0, 32.0]] and scores.gap.item() == 19 - 47


def test_plain_x_is_refused_where_a_player_with_x_does_not_move():
    effects = table({(1, 1): 1}, (1, 2), (0, 2))
    with pytest.raises(OptionError, match="example 0 lies outside: Δ_2 = 0 ≠ x_2"):
        ta.allocate("gradient_x_input/plain_x", effects, {"x": [1, 2], "Delta": [1, 0]})

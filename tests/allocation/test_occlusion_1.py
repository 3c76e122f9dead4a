import pytest
import torch
from hypothesis import given, settings

import taylorattr as ta
from taylorattr.toys import AnyPresent, Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import WIDTHS, TanhNetwork, inside, relu_network, shrinks


def direct(model, x, b=None):
    return ta.attribute("occlusion_1", model, x, b).player_scores


@settings(deadline=None, max_examples=25)
@given(cases())
def test_polynomials_in_both_frames(case):
    polynomial, x, b = case
    scores = direct(Polynomial(polynomial), row(x), row(b))
    confirm("occlusion_1", table(*case), scores)
    confirm("occlusion_1/input", table(*case, frame="input"), scores)


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    shrinks("occlusion_1", network, x, direct(network, x))


def test_relu_networks_exactly_in_both_frames():
    network, x = relu_network(6), torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).double()
    confirm("occlusion_1", ta.harsanyi(network, x), direct(network, x))
    confirm("occlusion_1/input", ta.harsanyi(network, x, frame="input"), direct(network, x))
    # AND-effects are turned into OR-effects where the rule wants those
    converted = confirm("occlusion_1/input", ta.harsanyi(network, x), direct(network, x))
    assert converted.frame == "input" and converted.diagnostics["converted_from_frame"] == "baseline"


def test_or_is_nobodys_from_the_input():
    # OR: one OR-effect of all players, so that no single player matters
    effects = ta.harsanyi(AnyPresent(), torch.ones(1, 3).double())
    assert ta.allocate("occlusion_1/input", effects).player_scores.abs().max() == 0
    assert ta.allocate("occlusion_1", effects).player_scores.abs().max() == 0


def test_a_wrong_entry_is_caught():
    f, x, b = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    scores = direct(Polynomial(f), row(x), row(b))
    assert not refuted("occlusion_1", table(f, x, b), scores)
    assert refuted(off_by_one_percent("occlusion_1", (1, 2)), table(f, x, b), scores)

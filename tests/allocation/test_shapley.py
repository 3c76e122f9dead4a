import pytest
import torch
from hypothesis import given, settings

import taylorattr as ta
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import WIDTHS, TanhNetwork, inside, relu_network, shrinks


def direct(model, x, b=None):
    return ta.attribute("shapley", model, x, b, algorithm="exact").player_scores


# a constant polynomial is a case like any other
@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")
@settings(deadline=None, max_examples=25)
@given(cases())
def test_polynomials_in_both_frames(case):
    polynomial, x, b = case
    scores = direct(Polynomial(polynomial), row(x), row(b))
    confirm("shapley", table(*case), scores)
    confirm("shapley", table(*case, frame="input"), scores)


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    shrinks("shapley", network, x, direct(network, x))


@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_relu_networks_exactly(frame):
    network, x = relu_network(6), torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).double()
    found = confirm("shapley", ta.harsanyi(network, x, frame=frame), direct(network, x))
    assert (found.relative_gap < 1e-12).all()


def test_a_wrong_entry_is_caught():
    f, x, b = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    scores = direct(Polynomial(f), row(x), row(b))
    assert not refuted("shapley", table(f, x, b), scores)
    assert refuted(off_by_one_percent("shapley", (1, 2)), table(f, x, b), scores)

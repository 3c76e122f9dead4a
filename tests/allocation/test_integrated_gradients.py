from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.allocation.integrated_gradients import quadrature
from taylorattr.errors import OptionError, ShapeError
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import WIDTHS, TanhNetwork, inside, shrinks

NODES = st.sampled_from([("gauss_legendre", 2), ("left", 3), ("right", 4), ("midpoint", 2), ("trapezoid", 5)])


def direct(polynomial, x, b, **options):
    model = Polynomial(polynomial)
    return ta.attribute("integrated_gradients", model, row(x), row(b), **options).player_scores


# a constant polynomial is a case like any other
@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")
@settings(deadline=None, max_examples=25)
@given(cases())
def test_polynomials_in_both_frames(case):
    scores = direct(*case, n_steps=16)  # exact up to degree 31
    confirm("integrated_gradients", table(*case), scores)
    confirm("integrated_gradients", table(*case, frame="input"), scores)


@pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")  # few nodes are the point
@settings(deadline=None, max_examples=25)
@given(cases(), NODES)
def test_a_discretised_computation_is_reproduced_with_its_error(case, nodes):
    name, count = nodes
    scores = direct(*case, rule=name, n_steps=count, mode="quadrature")
    confirm(quadrature(name, count), table(*case), scores)


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    scores = ta.attribute("integrated_gradients", network, x, n_steps=48).player_scores
    shrinks("integrated_gradients", network, x, scores)


def test_smooth_network_within_the_sharper_bound_of_one_slice():
    # eq. (60) with ρ = 4: |t| = ρ leaves every unit within the polydisc of `bound`
    network, x = TanhNetwork(8), inside()[:1]
    rho, delta = 4.0, np.abs(x[0].numpy())
    t = rho * np.exp(2j * np.pi * np.arange(4096) / 4096)
    u, c, v = (p.detach().numpy() for p in (network.u, network.c, network.v))
    slope = 1 / np.cosh(c + t[:, None] * (u @ x[0].numpy())) ** 2
    largest = np.abs((slope * v) @ u).max(0)
    scores = ta.attribute("integrated_gradients", network, x, n_steps=48).player_scores
    for order in (2, 4, 6):
        found = ta.allocate("integrated_gradients", ta.decompose(network, x, order=order)).player_scores
        allowed = delta * largest * rho ** -(order - 1) / ((order + 1) * (rho - 1))
        assert ((scores - found).abs()[0].numpy() <= allowed + 1e-13).all()


def test_gauss_legendre_has_the_exact_shares_up_to_twice_its_nodes():
    kappas = np.array([[k, m - k] for m in range(1, 13) for k in range(m + 1)])
    orders = kappas.sum(1)
    for count in (1, 2, 4):
        found = quadrature("gauss_legendre", count).ratios(kappas)
        error = np.abs(found - ta.RULES["integrated_gradients"].ratios(kappas)).max(1)
        assert (error[orders <= 2 * count] < 1e-14).all()
        assert (error[(orders > 2 * count) & (kappas > 0).all(1)] > 1e-9).all()


def test_left_end_points_exactly():
    # Q(m) = ½ (0^{m−1} + (½)^{m−1}): m = 1 gives 1, m = 3 gives ⅛
    rule = quadrature("left", 2)
    assert list(rule.ratio((1, 0))) == [1, 0] and list(rule.ratio((2, 1))) == [Fraction(1, 4), Fraction(1, 8)]


def test_a_wrong_entry_is_caught():
    case = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    scores = direct(*case, n_steps=16)
    assert not refuted("integrated_gradients", table(*case), scores)
    assert refuted(off_by_one_percent("integrated_gradients", (1, 2)), table(*case), scores)


def test_nodes_and_weights_must_match():
    with pytest.raises(ShapeError, match=r"context 'omega' has shape \(3,\).*Q is 2 elsewhere"):
        ta.RULES["integrated_gradients/quadrature"].ratio((1,), {"alpha": [0, 1], "omega": [1, 1, 1]})
    with pytest.raises(OptionError, match="depends on 'alpha', 'omega', which the context lacks.*: nodes"):
        ta.RULES["integrated_gradients/quadrature"].ratio((1,))
    with pytest.raises(OptionError, match="expected one of gauss_legendre, left"):
        quadrature("simpson", 3)

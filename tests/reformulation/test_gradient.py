"""Gradient methods: frames, quadratures, noise without a difference, kinks."""

import pytest
import torch

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial
from tests.allocation.networks import relu_network
from tests.reformulation.networks import TanhNetwork, at

SQUARES = Polynomial({(1, 0): 2, (2, 0): 1, (1, 2): 3})


@pytest.mark.filterwarnings("error::taylorattr.errors.TaylorAttrWarning")  # kinks do not matter here
def test_first_order_at_the_input_is_everything():
    for network in (TanhNetwork(8), relu_network(3)):
        found = ta.reformulate("gradient_x_input", network, at(), order=2, frame="input")
        assert found.rule == "gradient_x_input/input"
        assert found.explained.all() and float(found.relative_difference.max()) <= 1e-12
        second = found.matrix(0)[found.effects[0].multi_indices.sum(1) > 1]
        assert float(second.abs().max()) == 0


def test_integrated_gradients_in_either_frame():
    for frame in ("baseline", "input"):
        found = ta.reformulate("integrated_gradients", TanhNetwork(8), at(), order=6, frame=frame)
        assert found.effects[0].frame == frame and found.explained.all()


@pytest.mark.parametrize("rule", ["left", "right", "midpoint", "trapezoid", "gauss_legendre"])
def test_few_nodes_are_seen_and_explained(rule):
    for model, order in ((SQUARES, 3), (TanhNetwork(8), 6)):
        n = 2 if model is SQUARES else 3
        found = ta.reformulate(
            "integrated_gradients", model, at(n), order=order, n_steps=2, rule=rule, mode="quadrature"
        )
        assert found.explained.all(), found
        if (rule, order) != ("gauss_legendre", 3):  # two of its nodes are exact up to order 4
            assert float(found.errors["quadrature"].max()) > 1e-7
            assert float(found.allowed.max()) <= 100 * float(found.difference.abs().max())


def test_pieces_of_a_linear_network_have_no_quadrature_error():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)).double().eval()
    torch.nn.init.constant_(model[0].bias, 3.0)  # no unit switches between b and x
    found = ta.reformulate("integrated_gradients", model, at(), order=2, mode="exact")
    assert found.direct.diagnostics["mode"] == "exact"
    assert found.explained.all() and float(found.errors["quadrature"].max()) == 0


def test_gradient_times_the_plain_input():
    found = ta.reformulate("gradient_x_input", SQUARES, at(2), 0.1, order=3, multiply_by="input")
    assert found.rule == "gradient_x_input/plain_x"
    assert float(found.relative_difference.max()) <= 1e-10
    players = ta.Players([[0, 1]], names=("both",))
    with pytest.raises(OptionError, match="2 elements, and 1 players move them in groups"):
        ta.reformulate("gradient_x_input", SQUARES, at(2), 0.1, multiply_by="input", players=players)


def test_noise_without_a_difference():
    # f = x1 x2², Δ2 = 0: every effect vanishes but a_1 = σ2², eq. (17)
    model, x = Polynomial({(1, 2): 1}), torch.tensor([[1.0, 0.0]]).double()
    found = ta.reformulate("smooth_grad", model, x, order=3, stdev=0.5, mode="exact")
    assert found.rule == "smooth_grad/coefficients"
    assert found.direct.player_scores[0, 0] == pytest.approx(0.25)
    assert found.allocated.player_scores[0, 0] == pytest.approx(0.25)
    assert found.explained.all()
    with pytest.raises(OptionError, match="no finite ratio where Δ = 0"):
        ta.reformulate("smooth_grad", model, x, stdev=0.5, frame="input")


def test_noise_at_the_input():
    found = ta.reformulate("smooth_grad", SQUARES, at(2), order=3, stdev=0.5, mode="exact", frame="input")
    assert found.rule == "smooth_grad/input" and found.explained.all()


@pytest.mark.filterwarnings("ignore::taylorattr.errors.KinkWarning")
@pytest.mark.filterwarnings("ignore::taylorattr.errors.DivergenceWarning")
@pytest.mark.parametrize("name", ["gradient_x_input", "integrated_gradients", "smooth_grad"])
def test_kinks_are_named_with_what_to_do(name):
    found = ta.reformulate(name, relu_network(3), at())
    assert not found.explained.all()
    assert "truncation not bounded" in str(found)
    assert any(
        "No Taylor series crosses a kink" in r and "shapley and occlusion_1" in r for r in found.remarks
    )


@pytest.mark.filterwarnings("ignore::taylorattr.errors.DivergenceWarning")
def test_outside_the_radius_the_bound_still_holds():
    # the remainder of a smooth function is bounded whether or not its series converges
    found = ta.reformulate("integrated_gradients", TanhNetwork(4), 20 * at(), order=4)
    assert found.explained.all()
    assert any("radius of convergence" in r for r in found.remarks)


def test_without_a_bound_only_rounding_explains():
    found = ta.reformulate("integrated_gradients", TanhNetwork(4), at(), order=2, bound=False)
    assert "truncation" not in found.errors and not found.explained.all()

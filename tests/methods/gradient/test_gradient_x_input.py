"""Gradient×Input: κ_i times each term in frame b, the first-order effect in frame x."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import DtypeError, NonFiniteError, OptionError
from tests.methods.networks import Pooled, points, seeded

CUBIC = {(1, 0, 0): 2, (0, 2, 0): -1, (1, 1, 0): 3, (1, 2, 0): 1, (1, 1, 1): -2, (0, 0, 5): 1}


def float64(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


@given(st.lists(st.integers(-8, 8), min_size=6, max_size=6))
def test_each_term_counts_as_often_as_its_degree_eq_13(numbers):
    x, b = [v / 4 for v in numbers[:3]], [v / 4 + 0.5 for v in numbers[3:]]
    model = toys.Polynomial(CUBIC)
    result = ta.attribute("gradient_x_input", model, float64([x]), float64([b]))
    effects = model.effects(x, b)
    expected = [sum(kappa[i] * float(v) for kappa, v in effects.items()) for i in range(3)]
    # coefficients and points are small dyadic numbers: nearly no rounding
    torch.testing.assert_close(result.player_scores[0], float64(expected), rtol=0, atol=1e-10)


def test_it_is_the_first_order_effect_in_frame_x():
    model, x, b = toys.mlp((4, 8, 1), "gelu", dtype=torch.float64), points(3, 4), points(3, 4, seed=2)
    effects = ta.decompose(model, x, b, target=0, order=1, frame="input")
    result = ta.attribute("gradient_x_input", model, x, b, target=0)
    torch.testing.assert_close(result.player_scores, effects.first_order, rtol=0, atol=1e-13)


def test_plain_x_and_plain_gradient():
    model, x, b = seeded(Pooled()), points(2, 1, 7, 7), points(2, 1, 7, 7, seed=2)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf)[:, 2].sum(), leaf)
    for name, factor in (("delta", x - b), ("input", x), ("none", torch.ones_like(x))):
        result = ta.attribute("gradient_x_input", model, x, b, target=2, multiply_by=name)
        torch.testing.assert_close(result.scores, gradient * factor, rtol=1e-12, atol=1e-15)
    with pytest.raises(OptionError, match="'delta', 'input' or 'none'"):
        ta.attribute("gradient_x_input", model, x, target=2, multiply_by="x")


def test_captum_parity():
    captum = pytest.importorskip("captum.attr")
    model, x = seeded(Pooled()), points(3, 1, 7, 7)
    theirs = captum.InputXGradient(model).attribute(x.clone().requires_grad_(), target=[0, 1, 3])
    ours = ta.attribute("gradient_x_input", model, x, target=[0, 1, 3])
    torch.testing.assert_close(ours.scores, theirs.detach(), rtol=1e-12, atol=1e-15)


def test_a_model_that_leaves_torch_is_refused_and_a_constant_one_is_said():
    layer = nn.Linear(3, 1).double().eval()
    with pytest.raises(DtypeError, match="no gradient although it changes"):
        ta.attribute("gradient_x_input", lambda x: layer(x.detach())[:, 0], points(2, 3))
    with pytest.warns(ta.errors.ZeroDifferenceWarning, match="may not depend on the input"):
        result = ta.attribute("gradient_x_input", lambda x: x.new_ones(len(x)), points(2, 3))
    assert result.diagnostics["no_dependence"] == [0, 1]
    assert not result.player_scores.any()


def test_an_infinite_gradient_is_named():
    x = torch.tensor([[1.0, 2.0], [0.0, 4.0]], dtype=torch.float64)
    with pytest.raises(NonFiniteError, match=r"inf for example 1 at element 0: aten.sqrt"):
        ta.attribute("gradient_x_input", lambda z: z.sqrt().sum(1), x, baselines=1.0)

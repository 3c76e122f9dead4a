import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import OptionError, ShapeError
from taylorattr.maths.mobius import mobius
from taylorattr.maths.polynomials import evaluate
from taylorattr.maths.subsets import Coalitions
from taylorattr.toys import ACTIVATIONS, AllPresent, AnyPresent, Polynomial, Ridge, mlp, three_effects
from tests.strategies import points, polynomials


@given(st.data(), polynomials())
def test_the_polynomial_model_evaluates_the_polynomial(data, p):
    n = len(next(iter(p)))
    x = data.draw(points(n))
    row = torch.tensor([[float(v) for v in x]], dtype=torch.float64)
    assert Polynomial(p)(row).item() == float(evaluate(p, x))  # dyadic rationals of few bits: exact


def test_three_effects():
    assert three_effects().harsanyi((1, 2)) == {(0,): 3, (1,): 4, (0, 1): 12}
    assert three_effects()(torch.tensor([[1.0, 2.0]])).item() == 19


@pytest.mark.parametrize("function", ("exp", "sin"))
def test_ridge_effects_sum_to_delta(function):
    ridge = Ridge([0.3, -0.5], bias=0.2, function=function)
    x, b = (1.5, 0.5), (0.5, -0.25)
    total = sum(ridge.effect((i, j), x, b) for i in range(12) for j in range(12) if i + j)
    values = ridge(torch.tensor([x, b], dtype=torch.float64))
    # |u| ≤ 0.4, so the terms left out are below 2·e·0.4^12/12! ≈ 2e-13; rounding is smaller still
    assert total == pytest.approx(float(values[0] - values[1]), abs=1e-12)
    assert ridge.effect((1, 0), x, b) == pytest.approx(
        0.3 * (math.exp(0.475) if function == "exp" else math.cos(0.475)), rel=1e-15, abs=0
    )


@pytest.mark.parametrize("toy", (AllPresent(), AnyPresent()))
@pytest.mark.parametrize("n", (1, 2, 4))
def test_gates_have_the_effects_they_state(toy, n):
    rows = torch.tensor([[float(i in c) for i in range(n)] for c in Coalitions(n)])
    effects = mobius(toy(rows).numpy())
    stated = toy.harsanyi(n)
    assert [effects[i] for i, c in enumerate(Coalitions(n)) if c] == [
        stated.get(c, 0) for c in Coalitions(n) if c
    ]


def test_networks_are_seeded_and_leave_the_generator_alone():
    state = torch.get_rng_state()
    first, second, other = mlp((3, 5, 1)), mlp((3, 5, 1)), mlp((3, 5, 1), seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    x = torch.ones(2, 3)
    assert torch.equal(first(x), second(x)) and not torch.equal(first(x), other(x))
    assert first(x).shape == (2, 1) and not first.training
    assert all(
        mlp((2, 3, 1), name, dtype=torch.float64)(x[:, :2].double()).isfinite().all() for name in ACTIVATIONS
    )


def test_what_is_wrong_is_said():
    with pytest.raises(OptionError, match="activation='swishy'; known: gelu"):
        mlp((2, 1), "swishy")
    with pytest.raises(OptionError, match="'exp' or 'sin'"):
        Ridge([1.0], function="cos")
    with pytest.raises(ShapeError, match="one exponent per variable"):
        Polynomial({(1,): 1, (1, 2): 1})

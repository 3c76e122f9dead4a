"""Power paths and degree-tilted sharing against integrals along the path and closed forms."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial, mlp

F = Fraction


def along_the_path(model, x, b, p, count=4000):
    """Σ over short pieces of the path of ∂_i f at the middle times the step of i: the integral, slowly."""
    t = torch.linspace(0, 1, count + 1, dtype=torch.float64)[:, None]
    places = b + (x - b) * t**p
    middles = ((places[1:] + places[:-1]) / 2).requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(middles).sum(), middles)
    return (gradient * (places[1:] - places[:-1])).sum(0)


@pytest.mark.parametrize("p", [(1.0, 2.0, 0.5), (0.25, 1.0, 4.0), (1.0, 1.0, 1.0)])
def test_scores_are_the_integral_along_the_path(p):
    model = torch.nn.Sequential(
        mlp((3, 6, 1), "tanh", seed=1, dtype=torch.float64), torch.nn.Flatten(0)
    ).eval()
    x = torch.tensor([[1.5, -2.0, 1.0]], dtype=torch.float64)
    b = torch.tensor([[0.25, 0.5, -0.5]], dtype=torch.float64)
    found = ta.design.power_path(p, name="test_path")(model, x, b)
    # the midpoint rule on 4000 pieces of a path whose speed has a pole at 0 for p < 1
    np.testing.assert_allclose(
        found.player_scores[0].numpy(), along_the_path(model, x, b, torch.tensor(p)).numpy(), atol=2e-5
    )
    assert abs(float(found.gap)) < 1e-6


def test_ratios():
    rule = ta.design.power_path([F(1, 2), 3], name="test_path")
    assert list(rule.ratio((2, 1))) == [F(1, 4), F(3, 4)]
    assert list(rule.ratio((0, 4))) == [0, 1]
    assert all(rule.report.verdict(c).holds for c in ("coverage", "no_leak", "complete"))


def test_only_ratios_of_the_exponents_count():
    f = Polynomial({(2, 1): 1, (1, 3): 2})
    x = torch.tensor([[1.5, 2.0]], dtype=torch.float64)
    one, other = (
        ta.design.power_path(p, name="test_path")(f, x).player_scores for p in ([1, 3], [F(1, 6), F(1, 2)])
    )
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_equal_exponents_are_integrated_gradients():
    rule = ta.design.power_path([2, 2, 2], name="test_path")
    assert list(rule.ratio((2, 1, 0))) == [F(2, 3), F(1, 3), 0]


@pytest.mark.parametrize("p", [0, 1, 2, 5])
def test_degree_tilted_sharing(p):
    rule = ta.design.degree_tilted(p, name="test_tilted")
    for kappa in [(1, 0, 0), (2, 1, 0), (3, 1, 2)]:
        sizes = [F(k) ** p if k else F(0) for k in kappa]
        assert list(rule.ratio(kappa)) == [size / sum(sizes) for size in sizes]
    known = {0: "shapley", 1: "integrated_gradients"}.get(p)
    assert (rule.recognised.name if rule.recognised else None) == known


def test_degree_tilted_by_a_root():
    rule = ta.design.degree_tilted(F(1, 2), name="test_root")
    weights = rule.ratio((4, 1, 0))
    assert sum(weights) == 1 and float(weights[0]) == pytest.approx(2 / 3, rel=1e-12)
    assert list(rule.ratio((4, 9, 0))) == [F(2, 5), F(3, 5), 0]
    irrational = rule.ratio((2, 1, 0))
    assert sum(irrational) == 1
    assert float(irrational[0]) == pytest.approx(2**0.5 / (2**0.5 + 1), rel=1e-14)


def test_parameters_out_of_range():
    with pytest.raises(OptionError, match="exponent of late is -1"):
        ta.design.power_path({"early": 1, "late": -1}, name="test_bad")
    with pytest.raises(OptionError, match="exponent of player 1 is 0"):
        ta.design.power_path([1, 0], name="test_bad")
    with pytest.raises(OptionError, match="p = -1; expected a number, at least 0"):
        ta.design.degree_tilted(-1, name="test_bad")
    with pytest.raises(OptionError, match="p:"):
        ta.design.degree_tilted("steep", name="test_bad")
    with pytest.raises(OptionError, match="not finite"):
        ta.design.degree_tilted(float("inf"), name="test_bad")


def test_path_takes_exponents_or_a_measure():
    assert ta.design.path([1, 2], name="test_path").origin == "power_path"
    assert ta.design.path({"a": 1, "b": 2}, name="test_path").origin == "power_path"
    assert ta.design.path("beta:2,1", name="test_path").origin == "measure"

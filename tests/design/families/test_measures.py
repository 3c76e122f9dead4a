"""Measures on the straight path against closed-form moments and integrals."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial

F = Fraction


def beta_moment(a, b, k):
    """∫ α^k dBeta(a, b) = B(a + k, b)/B(a, b) for whole a, b, by factorials."""
    return F(
        math.factorial(a + k - 1) * math.factorial(a + b - 1),
        math.factorial(a - 1) * math.factorial(a + b + k - 1),
    )


MEASURES = {
    "uniform": ("uniform", lambda k: F(1, k + 1)),
    "beta": ("beta:3,2", lambda k: beta_moment(3, 2, k)),
    "place": (F(1, 4), lambda k: F(1, 4) ** k),
    "atoms": (([0, F(1, 2), 1], [F(1, 6), F(4, 6), F(1, 6)]), lambda k: F(4, 6) / 2**k + F(1 + (k == 0), 6)),
    "midpoint": ("midpoint:2", lambda k: (F(1, 4) ** k + F(3, 4) ** k) / 2),
    "density": (lambda a: 2 * a, lambda k: F(2, k + 2)),
    "moments": ([F(1), F(1, 4), F(1, 9), F(1, 16), F(1, 25), F(1, 36)], lambda k: F(1, (k + 1) ** 2)),
}  # fmt: skip


@pytest.fixture(params=MEASURES, ids=str)
def measured(request):
    given, moment = MEASURES[request.param]
    return ta.design.measure(given, name=f"test_{request.param}"), moment


@pytest.mark.parametrize("kappa", [(1, 0), (2, 0), (1, 1), (3, 1), (2, 4), (0, 5)])
def test_ratios_are_kappa_times_a_moment(measured, kappa):
    rule, moment = measured
    expected = np.array([float(k * moment(sum(kappa) - 1)) for k in kappa])
    # a density's moments come from a quadrature in float64
    np.testing.assert_allclose(rule.ratio(kappa).astype(float), expected, rtol=1e-13, atol=1e-15)


def test_scores_are_integrals_of_the_gradient(measured):
    rule, moment = measured
    f = Polynomial({(1, 0): 2, (2, 1): 3, (0, 3): -1})
    x = torch.tensor([[2.0, -1.5]], dtype=torch.float64)
    m = [float(moment(k)) for k in range(3)]
    # ∂f at α·x: 2 + 6α²x₀x₁, and 3α²x₀² − 3α²x₁²
    expected = [[2 * 2 * m[0] + 6 * m[2] * 4 * -1.5, -1.5 * (3 * m[2] * 4 - 3 * m[2] * 2.25)]]
    found = rule(f, x)
    assert found.diagnostics["way"] == ("method" if rule.recognised and rule.recognised.proved else "path")
    np.testing.assert_allclose(found.player_scores.numpy(), expected, rtol=1e-9, atol=1e-13)


def test_names_that_they_have():
    assert ta.design.measure("uniform", name="test_m").recognised.name == "integrated_gradients"
    assert ta.design.measure(1, name="test_m").recognised.name == "gradient_x_input"
    assert ta.design.measure("beta:2,1", name="test_m").recognised is None


def test_only_one_measure_is_complete():
    ta.design.measure("uniform", name="test_m", complete=True)
    for given in ("beta:2,2", 0.5, "midpoint:2"):
        with pytest.raises(OptionError, match="promised to be complete"):
            ta.design.measure(given, name="test_m", complete=True)


def test_a_gauss_rule_is_integrated_gradients_up_to_its_order_and_no_further():
    rule = ta.design.quadrature("gauss_legendre", 2, name="test_two")
    for kappa in [(1, 0), (2, 1), (2, 2)]:  # m ≤ 2q = 4, eq. (19)
        np.testing.assert_allclose(
            rule.ratio(kappa).astype(float), [k / sum(kappa) for k in kappa], rtol=1e-14
        )
    assert abs(float(rule.ratio((5, 0))[0]) - 1) > 1e-3
    assert rule.recognised is None and rule.report.complete.status == "fails"


def test_a_measure_of_both_signs_is_taken_as_it_is():
    rule = ta.design.measure(([0, 1], [-1, 2]), name="test_signed")
    assert list(rule.ratio((2, 0))) == [4, 0] and list(rule.ratio((1, 0))) == [1, 0]
    x = torch.tensor([[3.0, 1.0]], dtype=torch.float64)
    assert rule(Polynomial({(2, 0): 1, (0, 1): 1}), x).player_scores.tolist() == [[36.0, 1.0]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (1.5, "lies at 1.5"),
        (([0, 1], [1]), "2 places and 1 masses"),
        ("beta:0,1", "both parameters have to be positive"),
        ("gamma:1", "names no measure"),
        ("midpoint:x", "names no measure"),
        ([1], r"1 moment\(s\) are given"),
        ([1, F(1, 2), F(1, 5)], r"3 moment\(s\) are given; an even number"),
        ([1, F(1, 2), F(1, 5), F(1, 10)], "no positive measure"),
        ([1, 2, 4, 8], "outside \\[0, 1\\]"),
        ([0, 0], "positive mass"),
        (object(), "no measure"),
        ([1, float("nan")], "not finite"),
    ],
)
def test_what_is_no_measure_is_refused(given, message):
    with pytest.raises(OptionError, match=message):
        ta.design.measure(given, name="test_bad")


def test_a_density_that_is_not_finite_is_refused():
    with pytest.raises(OptionError, match="not finite"):
        ta.design.measure(lambda a: np.where(a > 0.5, np.inf, 1.0), name="test_bad")
    with pytest.raises(OptionError, match="finite function of an array"):
        ta.design.measure(lambda a: 1.0, name="test_bad")

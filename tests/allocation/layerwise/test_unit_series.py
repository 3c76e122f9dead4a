"""How far the series of an activation reaches, chords, and group sums."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch

from taylorattr.allocation.layerwise.unit_series import KINKS, REACH, Activation, group_terms
from taylorattr.autodiff.polynomial import series
from taylorattr.autodiff.polynomial.rules.elementwise import ELEMENTWISE
from taylorattr.autodiff.polynomial.rules.kinks import KINKS as KINK_SERIES
from taylorattr.maths.radius import radius

ANALYTIC = {name: (ELEMENTWISE[name], {}) for name in REACH if name in ELEMENTWISE} | {
    "softplus": (series.Softplus(2.0, math.inf), {"beta": 2.0}),
    "log_sigmoid_forward": (series.log_sigmoid, {}),
    "gelu": (series.gelu_tanh, {"approximate": "tanh"}),
    "pow": (series.power(1.7), {"exponent": 1.7}),
}
FINITE = [
    name
    for name, (_, named) in ANALYTIC.items()
    if float(REACH[name](torch.tensor(0.5).double(), named)) < math.inf
]


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("point", [0.3, 0.7])
def test_reach_is_the_radius_of_convergence(name, point):
    """Measured in that unit, forty coefficients show a radius of 1; 5 % is what a branch point leaves."""
    point = point + 1.0 if name == "acosh" else point
    function, named = ANALYTIC[name]
    z = torch.tensor([point], dtype=torch.float64)
    reach = float(Activation(name, named, function).reach(z))
    coefficients = np.array([float(c) * reach**k for k, c in enumerate(function(z, 40))])
    assert radius(coefficients) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("name", sorted(set(ANALYTIC) - set(FINITE)))
def test_entire_functions_reach_everything(name):
    function, named = ANALYTIC[name]
    z = torch.tensor([0.3], dtype=torch.float64)
    assert float(Activation(name, named, function).reach(z)) == math.inf


@pytest.mark.parametrize("name", sorted(set(KINKS) & set(KINK_SERIES)))
def test_a_piece_is_reached_to_its_kinks_and_no_further(name):
    activation = Activation(name, {}, KINK_SERIES[name])
    first = KINKS[name]({})[0]
    z = torch.tensor([first - 1.0, first - 1.0, first - 1.0, first], dtype=torch.float64)
    steps = torch.tensor([-5.0, 1.0, 1.5, 0.1], dtype=torch.float64)
    assert activation.reaches(z, steps).tolist() == [True, True, False, False]
    s = activation.coefficients(z, 3)
    values = sum(c * steps**k for k, c in enumerate(s))
    torch.testing.assert_close(values[:2], activation.value(z + steps)[:2])


def test_a_series_stops_at_its_radius():
    activation = Activation("tanh", {}, series.tanh)
    z = torch.zeros(3, dtype=torch.float64)
    assert activation.reaches(z, torch.tensor([1.5, 1.6, 0.0]).double()).tolist() == [True, False, True]
    assert not bool(activation.reaches(z, torch.full_like(z, 0.1), torch.full_like(z, -2.0)).any())


@pytest.mark.parametrize("step", [0.0, 1e-12, 1e-4, 0.05, 0.3, 4.0, -2.0])
def test_chords_are_accurate_at_every_length(step):
    """expm1(d)/d·e^z is the chord of exp to rounding."""
    activation = Activation("exp", {}, series.exp)
    z = torch.tensor([0.7], dtype=torch.float64)
    end = z + step
    d = float(end - z)
    exact = math.exp(0.7) * (math.expm1(d) / d if d else 1.0)
    assert float(activation.secant(z, end)) == pytest.approx(exact, rel=1e-14)


def test_group_sums_are_the_sums_over_terms():
    """Pure terms whole, mixed terms half, eq. (41), in rational arithmetic."""
    p, q = Fraction(3, 2), Fraction(-5, 4)
    terms = group_terms(*(torch.tensor([float(v)]).double() for v in (p + q, p, q)), 5)
    for m, found in enumerate(terms, 1):
        expected = Fraction(0)
        for k, other in product(range(m + 1), repeat=2):
            if k + other == m and k:
                share = Fraction(1, 2) if other else 1
                expected += share * math.comb(m, k) * p ** (k - 1) * q**other
        assert float(found) == float(expected)

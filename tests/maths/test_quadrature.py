from fractions import Fraction

import numpy as np
import pytest

from taylorattr.errors import OptionError
from taylorattr.maths.quadrature import gauss_legendre, log_gauss

# relative; nodes and weights are correctly rounded, so a sum of q products is off by a few units in 1e-16
ROUNDING = 4e-15


@pytest.mark.parametrize("q", (1, 2, 3, 8, 40))
@pytest.mark.parametrize(
    ("rule", "moment"), ((gauss_legendre, lambda m: m + 1), (log_gauss, lambda m: (m + 2) ** 2))
)
def test_exact_to_degree_2q_minus_1_and_no_further(rule, moment, q):
    nodes, weights = (np.array([Fraction(v) for v in array]) for array in rule(q))

    def error(m):
        return abs(float(sum(weights * nodes**m) * moment(m) - 1))

    assert max(error(m) for m in range(2 * q)) < ROUNDING
    if q < 4:  # later the error of degree 2q is itself below rounding
        assert error(2 * q) > 1e-5


def test_known_rules():
    nodes, weights = gauss_legendre(2)
    assert nodes == pytest.approx([0.5 - 12**-0.5, 0.5 + 12**-0.5], rel=2e-16, abs=0)
    assert weights.tolist() == [0.5, 0.5]
    # one node for −s ln s: mass 1/4 at the mean (1/9)/(1/4)
    assert [float(a[0]) for a in log_gauss(1)] == pytest.approx([4 / 9, 1 / 4], rel=2e-16, abs=0)


def test_agrees_with_numpy():
    nodes, weights = np.polynomial.legendre.leggauss(32)
    assert gauss_legendre(32)[0] == pytest.approx((nodes + 1) / 2, abs=1e-15)
    assert gauss_legendre(32)[1] == pytest.approx(weights / 2, abs=1e-15)


def test_the_double_integral_over_the_square():
    # ∫∫ αβ exp(αβ) dα dβ = Σ_k 1/(k! (k+2)²)
    nodes, weights = log_gauss(8)
    expected = sum(1 / (float(np.prod(range(1, k + 1))) * (k + 2) ** 2) for k in range(25))
    assert weights @ np.exp(nodes) == pytest.approx(expected, rel=1e-15, abs=0)


@pytest.mark.parametrize("q", (0, 257, 2.0))
def test_a_number_of_nodes_out_of_range_is_refused(q):
    for rule in (gauss_legendre, log_gauss):
        with pytest.raises(OptionError, match="integer 1 … 256"):
            rule(q)


def test_rules_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        gauss_legendre(3)[0][0] = 0

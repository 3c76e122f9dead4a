"""The estimated radius against functions whose nearest singularity is known in closed form."""

import math

import mpmath
import numpy as np
import pytest

from taylorattr.maths.radius import radius


def series(f, order=16):
    with mpmath.workdps(40):
        return np.array([float(c) for c in mpmath.taylor(f, 0, order)])


@pytest.mark.parametrize("a", [25.0, 1.5, 0.9, 0.5])
def test_a_pair_of_imaginary_poles_is_found_to_rounding(a):
    assert radius(series(lambda t: 1 / (1 + a * t * t))) == pytest.approx(a**-0.5, rel=1e-9)


@pytest.mark.parametrize("order", [8, 12, 16])
def test_a_constant_changes_no_radius(order):
    c = series(lambda t: mpmath.tanh(1.4 * t + 0.3) + 1 / (2 - t), order)
    raised = c + np.eye(1, order + 1)[0] * 100
    assert radius(raised) == radius(c)


@pytest.mark.parametrize(("w", "c"), [(1.0, 0.0), (1.4, 0.3), (2.0, 1.0), (1.5, 0.1), (0.8, 2.0)])
def test_tanh_has_its_poles_at_half_pi_i(w, c):
    """Poles at t = (±iπ/2 − c)/w. At order 16 farther poles disturb the fit by up to 3 %, and where the
    coefficients oscillate slowly the decay estimate errs downwards, by up to 5 %: the safe side."""
    true = abs(complex(c, math.pi / 2)) / w
    assert 0.95 * true < radius(series(lambda t: mpmath.tanh(w * t + c))) < 1.03 * true


@pytest.mark.parametrize("seed", range(20))
def test_a_sum_of_tanh_that_diverges_at_one_is_never_called_convergent(seed):
    rng = np.random.default_rng(seed)
    w, c, v = rng.normal(size=(3, 8))
    w *= 1.6
    true = min(abs(complex(ck, math.pi / 2)) / abs(wk) for wk, ck in zip(w, c, strict=True))
    estimate = radius(
        series(lambda t: sum(vk * mpmath.tanh(wk * t + ck) for vk, wk, ck in zip(v, w, c, strict=True)))
    )
    if true < 0.95:
        assert estimate < 1.1
    assert estimate < 1.35 * true


def test_polynomials_and_constants_have_no_singularity():
    assert radius(series(lambda t: 1 + t + t**3)) == math.inf
    assert radius(np.array([2.0] + [0.0] * 12)) == math.inf


def test_real_branch_point():
    """log(1 + t/2): coefficients fall like 2^{-m}/m, which at order 16 still looks 8 % wider."""
    assert 2.0 < radius(series(lambda t: mpmath.log(1 + t / 2))) < 2.2


@pytest.mark.parametrize("scale", [0.3, 0.1, 0.05, 0.02, 1e-3])
def test_a_series_that_falls_to_rounding_is_not_mistaken_for_a_near_singularity(scale):
    """log(1 + scale·t) has radius 1/scale; coefficients below rounding must not enter the fits."""
    assert radius(series(lambda t: mpmath.log(1 + scale * t), 14)) > 0.9 / scale


def test_non_finite_coefficients_have_no_radius():
    assert math.isnan(radius(np.array([1.0, np.nan] + [0.0] * 10)))


def test_too_few_coefficients():
    with pytest.raises(ValueError, match="nine coefficients, got 4"):
        radius(np.ones(4))

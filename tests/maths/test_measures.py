import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import OptionError
from taylorattr.maths.measures import (
    Atoms,
    Beta,
    Blend,
    Density,
    Moments,
    is_uniform,
    plain_weights,
    recurrence,
)

F = Fraction
FRACTIONS = st.fractions(min_value=0, max_value=1, max_denominator=12)


def integrals(measure, count, degree):
    nodes, weights = measure.rule(count)
    return [float(weights @ nodes**k) for k in range(degree)]


@pytest.mark.parametrize(
    ("a", "b"), [(1, 1), (2, 1), (F(1, 2), F(1, 2)), (F(1, 2), F(3, 2)), (7, F(1, 3)), (30, 40)]
)
@pytest.mark.parametrize("count", [1, 2, 3, 8, 40])
def test_gauss_rules_of_beta_distributions_are_exact_below_degree_2q(a, b, count):
    beta = Beta(F(a), F(b))
    degree = min(2 * count, 40)
    # Γ(a + k)Γ(a + b)/(Γ(a)Γ(a + b + k)), by the logarithm
    a, b = float(a), float(b)
    logs = [
        math.lgamma(a + k) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(a + b + k)
        for k in range(degree)
    ]
    np.testing.assert_allclose([float(beta.moment(k)) for k in range(degree)], np.exp(logs), rtol=1e-11)
    np.testing.assert_allclose(integrals(beta, count, degree), np.exp(logs), rtol=1e-11)
    nodes, weights = beta.rule(count)
    assert (nodes > 0).all() and (nodes < 1).all() and (weights > 0).all()


@given(st.lists(FRACTIONS, min_size=1, max_size=4, unique=True), st.data())
def test_moments_of_atoms_find_the_atoms_again(places, data):
    masses = [data.draw(st.fractions(F(1, 10), 3, max_denominator=10)) for _ in places]
    atoms = Atoms(tuple(places), tuple(masses))
    found = Moments([atoms.moment(k) for k in range(2 * len(places) + 2)])
    assert found.finite and found.nodes == len(places)
    nodes, weights = found.rule(64)
    order = np.argsort([float(p) for p in places])
    np.testing.assert_allclose(np.sort(nodes), [float(places[k]) for k in order], atol=1e-12)
    np.testing.assert_allclose(weights[np.argsort(nodes)], [float(masses[k]) for k in order], atol=1e-11)


def test_moments_of_a_function_make_its_gauss_rule():
    logarithm = Moments(lambda k: F(1, (k + 1) ** 2))  # of −ln α dα
    assert not logarithm.finite
    np.testing.assert_allclose(
        integrals(logarithm, 12, 24), [1 / (k + 1) ** 2 for k in range(24)], rtol=1e-12
    )
    nodes, weights = logarithm.rule(30)
    # ∫ −ln α cos α dα = Si(1) = Σ (−1)^k/((2k+1)(2k+1)!)
    exact = sum((-1) ** k / ((2 * k + 1) * math.factorial(2 * k + 1)) for k in range(12))
    assert abs(float(weights @ np.cos(nodes)) - exact) < 1e-13


def test_uniform_moments_make_gauss_legendre():
    nodes, weights = Moments([F(1, k + 1) for k in range(6)]).rule(3)
    third = math.sqrt(3 / 5) / 2
    np.testing.assert_allclose(np.sort(nodes), [0.5 - third, 0.5, 0.5 + third], atol=1e-14)
    np.testing.assert_allclose(np.sort(weights), [5 / 18, 5 / 18, 8 / 18], atol=1e-14)


@pytest.mark.parametrize(
    ("moments", "message"),
    [
        ([F(1), F(1, 2), F(1, 5), F(1, 10)], "Hankel determinant is negative"),
        ([F(1), F(2), F(4), F(8)], "outside"),
        ([F(1), F(-1, 2), F(1, 4), F(-1, 8)], "outside"),
        ([F(-1), F(1)], "positive mass"),
        ([F(1)], "1 moment"),
        ([], "0 moment"),
        ([F(1), F(1, 2), F(1, 3)], "3 moment"),
    ],
)
def test_no_measure_has_these_moments(moments, message):
    with pytest.raises(OptionError, match=message):
        Moments(moments)


def test_a_moment_that_is_not_given_is_asked_for():
    with pytest.raises(OptionError, match="M_2 is needed, and 2 are given"):
        Moments([F(1), F(1, 2)]).moment(2)


@given(st.lists(st.tuples(FRACTIONS, st.fractions(-2, 2, max_denominator=6)), min_size=1, max_size=4))
def test_atoms_of_any_sign(pairs):
    places, masses = zip(*pairs, strict=True)
    atoms = Atoms(places, masses)
    assert atoms.finite
    for k in range(5):
        assert atoms.moment(k) == sum(w * p**k for p, w in pairs)
    np.testing.assert_allclose(integrals(atoms, 1, 5), [float(atoms.moment(k)) for k in range(5)], atol=1e-12)


def test_atoms_outside_the_path():
    with pytest.raises(OptionError, match="lies at -0.5"):
        Atoms((F(-1, 2),), (F(1),))
    with pytest.raises(OptionError, match="1 places and 2 masses"):
        Atoms((F(1, 2),), (F(1), F(1)))
    with pytest.raises(OptionError, match="have to be positive"):
        Beta(F(1), F(0))


def test_a_density_is_integrated():
    bump = Density(lambda a: 6 * a * (1 - a))
    np.testing.assert_allclose(
        [float(bump.moment(k)) for k in range(6)], [6 / ((k + 2) * (k + 3)) for k in range(6)]
    )
    with pytest.raises(OptionError, match="not finite"):
        Density(lambda a: np.full_like(a, np.nan)).rule(4)
    with pytest.raises(OptionError, match=r"\(\) for \(4,\) places"):
        Density(lambda a: np.float64(1)).rule(4)


def test_blends_add_up():
    blend = Blend((Beta(F(2), F(1)), Atoms((F(1),), (F(1),))), (F(3, 2), F(-1, 2)))
    assert [blend.moment(k) for k in range(3)] == [F(3, 2) * F(2, k + 2) - F(1, 2) for k in range(3)]
    np.testing.assert_allclose(integrals(blend, 6, 3), [float(blend.moment(k)) for k in range(3)], rtol=1e-13)
    assert not blend.finite and Blend((Atoms((F(1),), (F(1),)),), (F(2),)).finite


def test_measures_say_what_they_are_and_whether_they_are_finite():
    atoms, beta = Atoms((F(0), F(1, 2)), (F(1), F(3))), Beta(F(1), F(2))
    assert (atoms.words, beta.words, Beta(F(1), F(1)).words) == ("δ(0) + 3·δ(1/2)", "Beta(1, 2)", "uniform")
    assert Atoms((F(0),) * 5, (F(1),) * 5).words.endswith(" + … (5 atoms)")
    assert atoms.finite and Blend((atoms, atoms), (F(1), F(1))).finite
    assert not beta.finite and not Blend((atoms, beta), (F(1), F(1))).finite


def test_which_measure_is_uniform():
    assert is_uniform(Beta(F(1), F(1))) and is_uniform(Moments(lambda k: F(1, k + 1)))
    assert not is_uniform(Beta(F(1), F(2)))
    assert not is_uniform(Atoms((F(1, 2),), (F(1),)))


@pytest.mark.parametrize("count", [1, 2, 5, 16, 48])
def test_nodes_of_another_measure_integrate_polynomials(count):
    nodes, _ = Beta(F(2), F(5)).rule(count)
    weights = plain_weights(nodes)
    for k in range(min(count, 20)):
        assert abs(float(weights @ nodes**k) - 1 / (k + 1)) < 1e-9


def test_recurrence_of_the_uniform_measure():
    alphas, betas, finite = recurrence([F(1, k + 1) for k in range(20)])
    assert not finite
    # monic Legendre polynomials on [0, 1]: α = ½, β_n = n²/(4(4n² − 1))
    assert all(abs(float(a) - 0.5) < 1e-15 for a in alphas)
    np.testing.assert_allclose(
        [float(b) for b in betas], [1, *(n * n / (4 * (4 * n * n - 1)) for n in range(1, 10))]
    )

"""Unspecified functions differentiate as their name says, and generic polynomials are complete."""

from math import comb

import pytest
import sympy as sp

from proofs.smooth import Polynomial, Smooth, multi_indices, over_unit_interval, support, up_to

k, l = sp.symbols("k l", integer=True)  # noqa: E741
x, y = sp.symbols("x y")


def test_a_derivative_raises_the_order_and_the_chain_rule_holds():
    assert sp.diff(Smooth(k, l, 3 * x, x * y), x) == (
        3 * Smooth(k + 1, l, 3 * x, x * y) + y * Smooth(k, l + 1, 3 * x, x * y)
    )


def test_mixed_derivatives_commute():
    f = Smooth(0, 0, x, y)
    assert sp.diff(f, x, y) == sp.diff(f, y, x) == Smooth(1, 1, x, y)


def test_an_order_is_no_variable():
    with pytest.raises(ValueError, match="order of differentiation"):
        sp.diff(Smooth(k, x), k)


@pytest.mark.parametrize(("n", "order"), [(1, 4), (2, 3), (3, 4), (4, 2)])
def test_every_multi_index_once(n, order):
    found = list(multi_indices(n, order))
    assert len(set(found)) == len(found) == comb(n + order - 1, order)
    assert all(sum(kappa) == order for kappa in found)
    assert len(up_to(n, order)) == comb(n + order, order) - 1


def test_derivatives_of_a_polynomial_are_its_coefficients():
    f = Polynomial(2, 3)
    assert f.derivative((2, 1)) == sp.Symbol("a21") * f.delta[0] ** 2 * f.delta[1]
    assert sp.expand(f.masked(frozenset({2})) - f.at((0, f.delta[1]))) == 0
    assert support((0, 2, 1)) == {2, 3}


@pytest.mark.parametrize(
    "integrand",
    [
        sp.Integer(0),
        sp.Integer(5),
        3 * x**2 * y + 5 * y,
        (1 + 2 * x) ** 3 - x,
    ],
)
def test_polynomials_are_integrated_as_sympy_does(integrand):
    assert sp.expand(over_unit_interval(integrand, x) - sp.integrate(integrand, (x, 0, 1))) == 0


def test_powers_of_symbolic_exponent_are_integrated():
    s, k, l = sp.Symbol("s", positive=True), *sp.symbols("k l", integer=True, positive=True)  # noqa: E741
    assert sp.simplify(over_unit_interval((2 * s) ** k * s ** (l - 1), s) - 2**k / (k + l)) == 0


@pytest.mark.parametrize("integrand", [sp.sin(x), x * sp.exp(x), y**x, 1 / (1 + x)])
def test_what_is_no_power_is_not_integrated(integrand):
    with pytest.raises(ValueError, match="no power of x"):
        over_unit_interval(integrand, x)

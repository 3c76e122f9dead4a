from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.allocation.extra.straight_paths import beta_measure, measure_rule
from taylorattr.allocation.integrated_gradients import quadrature
from taylorattr.errors import ShapeError
from taylorattr.maths.path_rules import path_rule
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, table
from tests.allocation.networks import WIDTHS, TanhNetwork, inside, shrinks


def gradient(polynomial, y, i):
    return sum(
        c
        * k[i]
        * y[i] ** (k[i] - 1)
        * np.prod([v**p for j, (v, p) in enumerate(zip(y, k, strict=True)) if j != i])
        for k, c in polynomial.items()
        if k[i]
    )


def averaged(polynomial, x, b, nodes, weights):
    """Δ_i Σ_q ω_q ∂_i f(b + α_qΔ): a measure of finitely many points."""
    x, b = (np.array([float(v) for v in at]) for at in (x, b))
    delta = x - b
    rows = [[delta[i] * gradient(polynomial, b + a * delta, i) for i in range(len(x))] for a in nodes]
    return [np.array(weights) @ np.array(rows)]


@settings(deadline=None, max_examples=25)
@given(cases(), st.lists(st.tuples(st.integers(0, 8), st.integers(-3, 3)), min_size=1, max_size=3))
def test_measures_of_points(case, atoms):
    nodes, weights = [a / 8 for a, _ in atoms], [float(w) for _, w in atoms]
    moments = [sum(w * a**k for a, w in zip(nodes, weights, strict=True)) for k in range(4)]
    scores = averaged(*case, nodes, weights)
    confirm("measure", table(*case), scores, {"M": moments})
    confirm(measure_rule(moments), table(*case), scores)


@settings(deadline=None, max_examples=25)
@given(cases(), st.integers(1, 4), st.integers(1, 4))
def test_beta_measures(case, a, b):
    # density ∝ α^{a−1}(1−α)^{b−1}, whole a and b: a polynomial of degree ≤ 6 times one of degree ≤ 3
    nodes, weights = path_rule("gauss_legendre", 8)
    density = nodes ** (a - 1) * (1 - nodes) ** (b - 1)
    scores = averaged(*case, nodes, weights * density / (weights @ density))
    confirm("measure/beta", table(*case), scores, {"a": a, "b": b})
    confirm(beta_measure(a, b), table(*case), scores)


@settings(deadline=None, max_examples=25)
@given(cases())
def test_the_gradient_at_the_baseline_is_first_order(case):
    confirm("measure/first_order", table(*case), averaged(*case, [0.0], [1.0]))


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    half = x.clone().requires_grad_(True)
    network(half / 2).sum().backward()
    scores = 2 * x * half.grad  # δ_½: Δ ∂f(b + Δ/2)
    moments = [0.5**k for k in range(6)]
    shrinks(measure_rule(moments), network, x, scores, weight=lambda m: m * 0.5 ** (m - 1))


def test_members_that_have_names():
    kappa = (3, 1, 2)
    names = {
        "gradient_x_input": measure_rule([1] * 6),
        "integrated_gradients": measure_rule([Fraction(1, k) for k in range(1, 7)]),
        "measure/first_order": measure_rule([1, 0, 0, 0, 0, 0]),
    }
    for name, rule in names.items():
        assert list(rule.ratio(kappa)) == list(ta.RULES[name].ratio(kappa))
    assert list(beta_measure(1, 1).ratio(kappa)) == list(ta.RULES["integrated_gradients"].ratio(kappa))
    nodes, weights = path_rule("midpoint", 3)
    found = measure_rule([weights @ nodes**k for k in range(6)]).ratios(np.array([kappa]))
    assert np.allclose(found, quadrature("midpoint", 3).ratios(np.array([kappa])), rtol=1e-14)


def test_moments_have_to_reach_the_order_of_the_terms():
    with pytest.raises(ShapeError, match="reads entry 2 of 'M' .counted from 0., but there are 2"):
        measure_rule([1, 1]).ratio((2, 1))


def test_a_wrong_entry_is_caught():
    case = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), (0, 0)
    scores = averaged(*case, [0.5], [1.0])
    assert not refuted(measure_rule([1, 0.5, 0.25]), table(*case), scores)
    assert refuted(off_by_one_percent(measure_rule([1, 0.5, 0.25]), (1, 2)), table(*case), scores)

"""A formula is found for ratios that no rule has, and only where there is one."""

import numpy as np
import pytest

from taylorattr.allocation import RULES
from taylorattr.criteria import probe
from taylorattr.criteria.probe.closed_form import closed_form, degree_factor, mixture
from taylorattr.criteria.probe.monomials import Monomial, SumOfModels
from taylorattr.maths.multi_index import enumerate_up_to

KAPPAS = enumerate_up_to(3, 5).astype(int)
INSIDE = KAPPAS > 0
M, S = KAPPAS.sum(1, keepdims=True), INSIDE.sum(1, keepdims=True)

FORMULAS = {
    "κᵢ/m": KAPPAS / M,
    "1[κᵢ > 0]/s": INSIDE / S,
    "1[κᵢ > 0]": INSIDE * 1.0,
    "κᵢ": KAPPAS * 1.0,
    "κᵢ²/Σκ²": KAPPAS**2 / (KAPPAS**2).sum(1, keepdims=True),
    "1[κᵢ > 0]/2^(s-1)": INSIDE * 2.0 ** (1 - S),
    "κᵢ/κ_max": KAPPAS / KAPPAS.max(1, keepdims=True),
    "2·κᵢ/(m + s)": 2 * KAPPAS / (M + S),
    "κᵢ/(1 + m)": KAPPAS / (M + 1),
    "1[κᵢ > 0]/C(m+1, 2)": INSIDE / (M * (M + 1) / 2),
}


def fit(ratios, noise=0.0):
    random = np.random.default_rng(0)
    ratios = ratios + noise * random.standard_normal(ratios.shape) * INSIDE
    return closed_form(ratios, np.full(ratios.shape, 1e-9 + 6 * noise), KAPPAS, random)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_formulas_are_recovered_and_checked_on_what_was_held_back(text, noise):
    found = fit(FORMULAS[text], noise)
    assert found is not None and found.text == text
    assert found.held_back >= len(INSIDE[INSIDE]) // 3
    assert found.held_back_error <= 1e-9 + 6 * noise


def test_there_is_none_for_roots_outliers_and_leaks():
    roots = np.sqrt(KAPPAS) / np.sqrt(KAPPAS).sum(1, keepdims=True)
    assert fit(roots) is None
    outlier = FORMULAS["κᵢ/m"].copy()
    outlier[20, np.flatnonzero(INSIDE[20])[0]] *= 1.01
    assert fit(outlier) is None
    leak = FORMULAS["κᵢ/m"].copy()
    leak[0, 1] = 0.1
    assert fit(leak) is None


def test_degree_factor_reads_a_quadrature():
    tolerance = np.full(KAPPAS.shape, 1e-12)
    nodes = RULES["integrated_gradients/quadrature"]
    trapezoid = nodes.ratios(KAPPAS, {"alpha": [0.0, 0.5, 1.0], "omega": [0.25, 0.5, 0.25]})
    found = degree_factor(trapezoid, tolerance, KAPPAS)
    assert found == pytest.approx({1: 1.0, 2: 0.5, 3: 0.375, 4: 0.3125, 5: 0.28125}, abs=1e-14)
    assert degree_factor(FORMULAS["1[κᵢ > 0]/s"], tolerance, KAPPAS) is None


def test_mixtures_of_two_rules():
    tolerance = np.full(KAPPAS.shape, 1e-9)
    half = 0.25 * FORMULAS["1[κᵢ > 0]/s"] + 0.75 * FORMULAS["κᵢ/m"]
    weights, error = mixture(half, tolerance, KAPPAS, np.random.default_rng(0))
    assert weights == pytest.approx({"integrated_gradients": 0.75, "shapley": 0.25}, abs=1e-12)
    assert error < 1e-14
    assert mixture(FORMULAS["κᵢ²/Σκ²"], tolerance, KAPPAS, np.random.default_rng(0)) is None


def box_of(ratio):
    def of(f, x, b):
        if isinstance(f, SumOfModels):
            return sum(of(part, x, b) for part in f.parts)
        if not isinstance(f, Monomial):
            raise TypeError("only monomials")
        delta = (x - b)[0].numpy()
        return ratio(np.array(f.kappa)) * np.prod(delta ** np.array(f.kappa)) * f.scale

    return of


def test_probe_reports_formula_and_mixture_of_a_rule_nobody_has():
    squares = probe(box_of(lambda k: k**2 / (k**2).sum()), order=4)
    assert not squares.name and squares.closed_form == "κᵢ²/Σκ²"
    assert squares.complete.holds and squares.no_leak.holds
    mixed = probe(box_of(lambda k: 0.5 * (k > 0) / (k > 0).sum() + 0.5 * k / k.sum()), order=4)
    assert mixed.mixture == pytest.approx({"integrated_gradients": 0.5, "shapley": 0.5}, abs=1e-9)

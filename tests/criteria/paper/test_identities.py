"""Algebra proves what it can and claims nothing that is false."""

from dataclasses import replace

import pytest

import taylorattr as ta
from taylorattr.allocation.symbols import i, kappa, m
from taylorattr.criteria.paper.algebra import always_complete, never_leaks
from taylorattr.criteria.paper.cases import cases
from taylorattr.criteria.three_criteria import has_part, incomplete, leaks

COMPLETE = [
    "integrated_gradients", "expected_gradients", "shapley", "deeplift_rescale", "deep_shap",
    "deep_shap/linear_activation", "lrp_epsilon/bias_free", "deep_taylor/w2", "deep_taylor/z_B", "power_path",
]  # fmt: skip
"""Σ_i w_i(κ) = 1 is a matter of one sum."""

TIGHT = [
    "gradient_x_input", "smooth_grad", "integrated_gradients", "occlusion_1", "shapley", "lrp_epsilon",
    "deeplift_rescale", "deeplift_reveal_cancel", "semivalue", "taylor_poda", "power_path",
]  # fmt: skip
"""The ratio has a factor κ_i or 1[κ_i > 0]."""


@pytest.mark.parametrize("name", COMPLETE)
def test_complete_by_algebra(name):
    assert always_complete(ta.RULES[name]) == "Σᵢ wᵢ(κ) = 1 by algebra"


@pytest.mark.parametrize("name", TIGHT)
def test_no_leak_by_algebra(name):
    assert "vanishes at κᵢ = 0" in never_leaks(ta.RULES[name])


@pytest.mark.parametrize("name", COMPLETE)
def test_a_mutated_ratio_is_not_complete_by_algebra(name):
    rule = ta.RULES[name]
    for factor in (2, 1 + 1 / m, m):
        assert not always_complete(replace(rule, symbolic=rule.symbolic * factor))


@pytest.mark.parametrize("name", TIGHT)
def test_a_mutated_ratio_has_no_such_factor(name):
    rule = ta.RULES[name]
    assert not never_leaks(replace(rule, symbolic=rule.symbolic + 1 / (m + kappa[i])))


@pytest.mark.parametrize("name", list(ta.RULES))
def test_what_algebra_says_enumeration_confirms(name):
    rule = ta.RULES[name]
    proved = always_complete(rule), never_leaks(rule)
    for case in cases(rule)[:: 1 if not rule.needs else 7]:
        ratios = rule.exact_ratios(case.kappas, case.context)
        assert not proved[0] or not incomplete(ratios).any()
        assert not proved[1] or not leaks(ratios, has_part(rule, case.kappas, case.context)).any()

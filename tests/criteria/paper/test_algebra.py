"""Algebra proves what it can and claims nothing that is false."""

from dataclasses import replace
from fractions import Fraction

import pytest

import taylorattr as ta
from taylorattr.allocation.symbols import i, kappa, m
from taylorattr.criteria.paper.algebra import always_complete, in_other_frame, never_leaks
from taylorattr.criteria.paper.cases import cases
from taylorattr.criteria.three_criteria import has_part, incomplete, leaks
from taylorattr.maths.frames import other_frame_ratio

SELF_DUAL = [name for name, rule in ta.RULES.items() if rule.frame == "both"]
TWINS = ["gradient_x_input", "occlusion_1"]
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


@pytest.mark.parametrize("name", SELF_DUAL)
def test_self_dual_rules_are_their_own_translation(name):
    """Eq. (9): the table of such a rule has one verdict for both frames."""
    rule = ta.RULES[name]
    for case in cases(rule)[:40]:
        ratios = rule.exact_ratios(case.kappas, case.context)
        assert (in_other_frame(case.kappas, ratios) == ratios).all()


@pytest.mark.parametrize("name", TWINS)
def test_the_twin_is_the_translation(name):
    for case in cases(ta.RULES[name]):
        moved = in_other_frame(case.kappas, ta.RULES[name].exact_ratios(case.kappas))
        assert (moved == ta.RULES[f"{name}/input"].exact_ratios(case.kappas)).all()


def test_the_table_form_is_the_formula():
    rule = ta.RULES["semivalue/banzhaf"]
    case = [c for c in cases(rule) if c.n == 3][0]
    moved = in_other_frame(case.kappas, rule.exact_ratios(case.kappas))
    single = other_frame_ratio(lambda kappa: rule.ratio(kappa))
    for powers, row in zip(case.kappas.tolist(), moved, strict=True):
        assert (single(tuple(powers)) == row).all() and isinstance(row[0], Fraction)


def test_twins_give_the_other_frame_themselves(every):
    """A rule whose variant is stated in frame input gets its verdicts there from that variant."""
    assert every["occlusion_1"].frames == ("baseline",) and every["occlusion_1/input"].frames == ("input",)
    assert every["semivalue"].frames == ("baseline", "input")
    assert every["lrp_epsilon/bias_free"].frames == ("baseline",)  # a unit expands at a = 0 only

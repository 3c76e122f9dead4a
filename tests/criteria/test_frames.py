"""Verdicts in the other frame rest on eq. (9a), here against the rules that are stated there."""

from fractions import Fraction

import pytest

import taylorattr as ta
from taylorattr.criteria.paper.algebra import in_other_frame
from taylorattr.criteria.paper.cases import cases
from taylorattr.maths.frames import other_frame_ratio

SELF_DUAL = [name for name, rule in ta.RULES.items() if rule.frame == "both"]
TWINS = ["gradient_x_input", "occlusion_1"]


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
    for kappa, row in zip(case.kappas.tolist(), moved, strict=True):
        assert (single(tuple(kappa)) == row).all() and isinstance(row[0], Fraction)


def test_twins_give_the_other_frame_themselves(every):
    """A rule whose variant is stated in frame input gets its verdicts there from that variant."""
    assert every["occlusion_1"].frames == ("baseline",) and every["occlusion_1/input"].frames == ("input",)
    assert every["semivalue"].frames == ("baseline", "input")
    assert every["lrp_epsilon/bias_free"].frames == ("baseline",)  # a unit expands at a = 0 only

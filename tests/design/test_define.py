"""Rules from functions, formulas and tables: what they are worth, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
import torch

import taylorattr as ta
from taylorattr.design.letters import Indicator, i, j, kappa, m, s, total
from taylorattr.errors import OptionError, ShapeError
from taylorattr.methods.method import find
from taylorattr.toys import Polynomial, mlp

F = Fraction


def rule(ratio, *args, name="test_rule", **options):
    return ta.design.rule(name, ratio, *args, **options)


@pytest.mark.parametrize(
    "ratio",
    [
        kappa[i] / m,
        "kappa[i]/m",
        sp.Symbol("kappa_i") / sp.Symbol("m"),
        "kappa[i]/total(kappa[j])",
        lambda kappa: [k / sum(kappa) for k in kappa],
        lambda kappa: np.array(kappa) / sum(kappa),
        lambda kappa: torch.tensor(kappa) / sum(kappa),
        lambda kappa: [sp.Rational(k, sum(kappa)) for k in kappa],
        lambda kappa, n: [F(k, sum(kappa)) * n / len(kappa) for k in kappa],
        {
            (1,): [1], (2,): [1], (1, 1): [F(1, 2), F(1, 2)], (3,): [1], (2, 1): [F(2, 3), F(1, 3)],
            (1, 1, 1): [F(1, 3)] * 3,
        },
    ],
)  # fmt: skip
def test_one_rule_in_many_forms(ratio):
    made = rule(ratio)
    assert list(made.ratio((2, 0, 1))) == [F(2, 3), 0, F(1, 3)]
    assert made.recognised.name == "integrated_gradients"
    assert made.rule.granularity == "term" and made.report.complete.holds


@pytest.mark.parametrize(
    "ratio",
    [
        lambda S: [1 / len(S)] * len(S),
        lambda coalition, n: [F(int(k in coalition), len(coalition)) for k in range(n)],
        Indicator(kappa[i] > 0) / s,
        "Indicator(kappa[i] > 0)/total(Indicator(kappa[j] > 0))",
    ],
)
def test_support_level_rules(ratio):
    made = rule(ratio)
    assert made.rule.granularity == "support" and made.recognised.name == "shapley"
    assert list(made.ratio((5, 0, 1))) == [F(1, 2), 0, F(1, 2)]


def test_a_table_of_coalitions():
    table = {(0,): [1], (1,): [1], (0, 1): [F(1, 4), F(3, 4)]}
    made = rule(table, kind="S")
    assert list(made.ratio((3, 1))) == [F(1, 4), F(3, 4)]
    f = Polynomial({(1, 0): 2, (2, 1): 4})
    assert made(f, torch.ones(1, 2, dtype=torch.float64)).player_scores.tolist() == [[3.0, 3.0]]
    with pytest.raises(ShapeError, match="given for 2 players, and there are 3"):
        made(Polynomial({(1, 1, 1): 1}), torch.ones(1, 3, dtype=torch.float64))
    frozen = rule({frozenset(key): value for key, value in table.items()})
    assert list(frozen.ratio((3, 1))) == [F(1, 4), F(3, 4)]


def test_attributes_are_read_by_name_and_in_formulas():
    prior = {"a": 1, "b": 3}
    functions = rule(
        lambda S, prior: [F(prior[k], sum(prior[q] for q in S)) for k in S], attributes={"prior": prior}
    )
    prior_letter = sp.IndexedBase("prior", real=True)
    member = Indicator(kappa[j] > 0)
    formula = rule(
        Indicator(kappa[i] > 0) * prior_letter[i] / total(prior_letter[j] * member),
        attributes={"prior": prior},
        name="test_formula",
    )
    for made in (functions, formula):
        assert list(made.ratio((1, 1))) == [F(1, 4), F(3, 4)]
        assert made.report.complete.holds
        f = Polynomial({(1, 1): 8})
        x = torch.ones(1, 2, dtype=torch.float64)
        found = made(f, x, players=ta.Players([[0], [1]], names=["b", "a"]))
        assert found.player_scores.tolist() == [[6.0, 2.0]]


def test_floats_are_the_fractions_they_stand_for():
    made = rule(lambda kappa: [0.1 * 3 if k == 1 else 1 / 3 * (k > 0) for k in kappa])
    assert list(made.ratio((1, 2))) == [F(3, 10), F(1, 3)]


BAD = {
    "raises": (lambda kappa: [1 / (3 - sum(kappa))] * len(kappa), r"raised ZeroDivisionError at κ = \(3,\)"),
    "not a number": (
        lambda kappa: [float("nan") if sum(kappa) == 2 else k for k in kappa],
        r"no number at κ = \(2,\).*nan",
    ),
    "infinite": (lambda S: [float("inf")] * len(S), r"no number at S = \(0,\).*inf"),
    "too short": (
        lambda kappa: [1.0] * max(1, len(kappa) - 1),
        r"gives 1 weights at κ = \(1, 0\); expected 2",
    ),
    "no list": (lambda kappa: 1.0, r"gives 1\.0 at κ = \(1,\); expected 1 weights"),
    "words": (lambda kappa: ["much"] * len(kappa), r"no number at κ = \(1,\): 'much' is a str"),
    "by number": (
        lambda kappa: [k * (1 + place) for place, k in enumerate(kappa)],
        r"κ = \(1, 0\) gets \(1, 0\) and κ = \(0, 1\) gets \(0, 2\)",
    ),
    "attribute": (lambda S, prior: [1] * len(S), "asks for 'prior', which is no attribute"),
    "no argument": (lambda: [1], "takes no argument"),
    "other letters": ("kappa[i]/volume", "contains volume, which is no letter"),
    "other quantity": ("kappa[i]*weight[i]", "contains weight"),
    "no formula": ("kappa[i]/", "no formula of a ratio"),
    "no ratio": (1.5, "is a float; expected a function"),
    "a rule": (ta.RULES["shapley"], "shapley is a rule already; .*attributor"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_ratios_are_refused_with_the_smallest_term(case):
    ratio, message = BAD[case]
    with pytest.raises(OptionError, match=message):
        rule(ratio, name="test_bad")
    assert "test_bad" not in ta.RULES and "test_bad" not in ta.design.DESIGNS


def test_players_told_apart_by_number_in_a_formula():
    with pytest.raises(OptionError, match="by their number"):
        rule("kappa[i]*Indicator(i > 1)", name="test_bad")


def test_promises_are_checked():
    with pytest.raises(OptionError, match="promised to be complete, and it is not: x₁².*repair"):
        rule("kappa[i]", complete=True, name="test_bad")
    with pytest.raises(OptionError, match="promised not to be complete"):
        rule("kappa[i]/m", complete=False, name="test_bad")
    with pytest.raises(OptionError, match=r"both frames, and at κ = \(2,\)"):
        rule("kappa[i]", "both", name="test_bad")
    assert rule("kappa[i]/m", "both").rule.frames == ("baseline", "input")
    with pytest.raises(OptionError, match="reads exponents"):
        rule("kappa[i]/m", kind="S", name="test_bad")
    assert "test_bad" not in ta.RULES


def test_names_that_are_taken():
    for name in (
        "shapley",
        "integrated_gradients",
        "occlusion_1/input",
        "lrp_epsilon",
        "prune_grad",
        "ig_multi",
    ):
        with pytest.raises(OptionError, match="keeps its name"):
            rule("kappa[i]/m", name=name)
    for name, message in (("", "expected a word"), (3, "expected a word"), ("a:b", "may not contain ':'")):
        with pytest.raises(OptionError, match=message):
            ta.design.rule(name, "kappa[i]/m")
    first, second = rule("kappa[i]"), rule("kappa[i]/m")
    assert ta.design.DESIGNS["test_rule"] is second is not first


def test_a_rule_is_held_in_one_place_and_taken_out_there():
    first = rule("kappa[i]")
    second = rule("kappa[i]/m")  # a rule of one's own may be defined again
    assert ta.RULES["test_rule"] is second.rule and "test_rule" in list(ta.RULES)
    assert find("test_rule").owner is second and "test_rule" not in ta.METHODS
    with pytest.raises(OptionError, match="another rule is called 'test_rule' by now"):
        ta.design.unregister(first)
    ta.design.unregister(second)
    assert "test_rule" not in ta.RULES and "test_rule" not in ta.design.DESIGNS
    with pytest.raises(OptionError, match="no attribution method is called 'test_rule'"):
        ta.attribute("test_rule", lambda x: x.sum(1), torch.ones(1, 2))
    for name, message in (("test_rule", "no designed rule is called"), ("shapley", "built-in rule")):
        with pytest.raises(OptionError, match=message):
            ta.design.unregister(name)
    assert rule("kappa[i]/m").name == "test_rule"
    ta.design.unregister("test_rule")
    x = torch.ones(1, 2)
    assert second(lambda x: x.prod(1), x).player_scores.tolist() == [[0.5, 0.5]]  # it still runs


TABLES = {
    "empty": ({}, "table of a ratio is empty"),
    "no first order": ({(2,): [1]}, "lacks terms of order 1"),
    "too few weights": ({(1,): [1], (1, 1): [1]}, r"1 weights at κ = \(1, 1\); expected 2"),
    "alike unequal": ({(1,): [1], (2,): [1], (1, 1): [F(1, 4), F(3, 4)]}, r"κ = \(1, 1\).*equal weights"),
    "orders disagree": ({(1,): [1], (2, 1): [1, 0], (1, 2): [1, 0]}, r"κ = \(1, 2\)|κ = \(2, 1\)"),
    "lengths": ({(1, 0): [1, 0], (1,): [1]}, "lengths"),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_that_do_not_fit(case):
    table, message = TABLES[case]
    with pytest.raises(OptionError, match=message):
        rule(table, name="test_bad")


def test_a_table_of_coalitions_with_gaps():
    with pytest.raises(OptionError, match=r"no weights for the coalition \(1,\)"):
        rule({(0,): [1], (0, 1): [F(1, 2), F(1, 2)]}, kind="S", name="test_bad")


def test_beyond_its_table_a_rule_says_so():
    made = rule({(1,): [1], (2,): [1], (1, 1): [F(1, 2), F(1, 2)]})
    with pytest.raises(OptionError, match=r"order ≤ 2, and κ = \(2, 1\) has order 3"):
        made.ratio((2, 1))
    gap = rule({(1,): [1], (2,): [1], (1, 1): [F(1, 2)] * 2, (3,): [1]})  # (2, 1) and (1, 1, 1) are missing
    assert gap.rule.reach == 2


def test_attributes_that_do_not_fit():
    with pytest.raises(OptionError, match="different lengths"):
        rule("kappa[i]*a[i]*c[i]", attributes={"a": [1, 2], "c": [1]}, name="test_bad")
    with pytest.raises(OptionError, match="no letter of a ratio"):
        rule("kappa[i]", attributes={"m": [1, 2]}, name="test_bad")
    with pytest.raises(OptionError, match="name different players: c"):
        rule("kappa[i]*u[i]*v[i]", attributes={"u": {"a": 1}, "v": {"a": 1, "c": 2}}, name="test_bad")
    with pytest.raises(OptionError, match="attribute 'u'"):
        rule("kappa[i]*u[i]", attributes={"u": [1, "two"]}, name="test_bad")


def test_a_rule_says_what_it_guarantees_and_what_is_only_seen():
    formula, function = (
        rule("kappa[i]**2/total(kappa[j]**2)"),
        rule(lambda S: [1 / len(S)] * len(S), name="test_seen"),
    )
    assert any("complete" in words for words in formula.guarantees) and not formula.unproved
    assert not any("complete, efficiency" in words or "(complete)" in words for words in function.guarantees)
    assert any("complete" in words for words in function.unproved)
    assert any("symmetry" in words for words in formula.guarantees)
    text = repr(formula)
    assert "computed by" in text and "κᵢ²" in text


def test_a_rule_that_fails_only_at_large_coalitions_is_not_taken_for_shapley():
    made = rule(lambda S: [1 / len(S) if len(S) < 6 else 0] * len(S))
    assert made.recognised is None


def test_the_diagnostics_say_the_ratio_beside_what_the_way_says():
    network = mlp((2, 4, 1), "tanh", dtype=torch.float64)
    rule = ta.design.rule("test_said", "kappa[i]/m")
    said = rule(network, torch.tensor([[0.2, 0.3]], dtype=torch.float64)).diagnostics
    assert said["ratio"] == rule.formula and said["rule"] == "gauss_legendre" and said["way"] == "method"

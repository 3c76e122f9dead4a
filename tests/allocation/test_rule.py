from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import taylorattr as ta
from proofs.catalogue import THEOREMS
from taylorattr.allocation.extra.interaction_indices import interaction_rule
from taylorattr.allocation.rule import Domain, Rules
from taylorattr.errors import OptionError, ShapeError


def test_the_fifteen_come_first_each_followed_by_its_variants():
    names = list(ta.RULES)
    methods = list(dict.fromkeys(name.partition("/")[0] for name in names if not ta.RULES[name].extra))
    assert methods == list(ta.METHODS)
    extras = [ta.RULES[name].extra for name in names]
    assert extras == sorted(extras)
    for method in methods:
        rows = [rule.name for rule in ta.RULES.of_method(method)]
        first = names.index(rows[0])
        assert rows[0] == method and rows == names[first : first + len(rows)]


def test_rules_of_the_fifteen_come_first_whenever_they_are_filed():
    rules, shapley = Rules(), ta.RULES["shapley"]
    rules.add(replace(shapley, name="mine", extra=True))
    rules.add(shapley)
    assert list(rules) == ["shapley", "mine"] and [rule.name for rule in rules.values()] == [
        "shapley",
        "mine",
    ]


def test_an_unknown_name_gets_the_near_one():
    with pytest.raises(OptionError, match="no allocation rule is called 'shaply'; did you mean 'shapley'"):
        ta.RULES["shaply"]
    with pytest.raises(OptionError, match="allocation rule 'shapley' exists already"):
        ta.RULES.add(ta.RULES["shapley"])


@pytest.mark.parametrize("name", ta.RULES)
def test_every_rule_says_what_it_is(name):
    rule = ta.RULES[name]
    assert rule.kind in ("U", "S", "X", "G", "R", "none") and rule.granularity in ("term", "support")
    assert rule.domain.words and rule.source and rule.proof
    assert (rule.kind == "S") <= (rule.granularity == "support")
    assert rule.name == rule.method + (f"/{rule.variant}" if rule.variant else "")
    assert rule.formula in repr(rule) and rule.domain.words in repr(rule)
    for quantity, need in rule.needs.items():
        assert need.meaning, quantity


@pytest.mark.parametrize("name", ta.RULES)
def test_every_rule_has_a_theorem(name):
    assert ta.RULES[name].proof in THEOREMS, f"proofs/ has no theorem {ta.RULES[name].proof!r}"


def test_a_missing_quantity_is_named():
    with pytest.raises(
        OptionError, match=r"smooth_grad depends on 'sigma', 'Delta', which .* lacks"
    ) as raised:
        ta.RULES["smooth_grad"].ratio((1, 2))
    assert "pass context={'sigma': …, 'Delta': …}. 'sigma', shape (n,): standard" in str(raised.value)
    with pytest.raises(OptionError, match=r"pass context=\{'Delta': …\}. 'Delta', shape \(n,\): Δ_j = "):
        ta.RULES["smooth_grad"].ratio((1, 2), {"sigma": [1, 1]})
    with pytest.raises(OptionError, match=r"pass context=\{'a': …, 'b': …\}. 'a', a number: "):
        ta.RULES["measure/beta"].ratio((1, 2))


def test_a_quantity_nobody_reads_is_refused():
    with pytest.raises(OptionError, match="shapley does not read 'sigma'; its context: nothing"):
        ta.RULES["shapley"].ratio((1, 2), {"sigma": [1, 1]})
    with pytest.raises(OptionError, match="smooth_grad does not read 'noise'; its context: sigma, Delta"):
        ta.RULES["smooth_grad"].fixed("own", noise=3)


def test_a_quantity_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"context 'p' has shape \(2,\); expected shape \(3,\) for 3"):
        ta.RULES["semivalue"].ratio((1, 1, 1), {"p": [1, 1]})
    with pytest.raises(
        ShapeError, match=r"context 'pi' has shape \(3,\); expected shape \(4,\) for 3 players"
    ):
        ta.RULES["lime"].ratio((1, 1, 1), {"pi": [1, 1, 1]})
    with pytest.raises(ShapeError, match="context 'Delta' has 2 examples; example 2 is asked for"):
        context = {"sigma": [1, 1], "Delta": np.ones((2, 2))}
        ta.RULES["smooth_grad"].ratios(np.array([[1, 1]]), context, example=2)


def test_multi_indices_are_whole_and_not_negative():
    rule = ta.RULES["integrated_gradients"]
    with pytest.raises(ShapeError, match="dtype float64; expected whole numbers"):
        rule.ratios(np.array([[0.5, 1.0]]))
    with pytest.raises(ShapeError, match="one row per term"):
        rule.ratios(np.array([1, 2]))
    with pytest.raises(OptionError, match="no negative entries"):
        rule.ratio((1, -1))


def test_fixed_quantities_become_defaults():
    rule = ta.RULES["power_path"].fixed("late", p=[1, 3])
    assert list(rule.ratio((1, 1))) == [Fraction(1, 4), Fraction(3, 4)]
    assert list(rule.ratio((1, 1), {"p": [1, 1]})) == [Fraction(1, 2), Fraction(1, 2)]
    assert "late" not in ta.RULES and rule.proof == "paths"


def test_receivers_by_name():
    players = ("a", "b", "c")
    assert ta.RULES["shapley"].receiver_names(players) == players
    pairs = ta.RULES["integrated_hessians"].receiver_names(players)
    assert len(pairs) == 9 and pairs[:4] == ("a, a", "a, b", "a, c", "b, a")
    assert ta.RULES["archipelago/at_input"].receiver_names(players) == ("a × b", "a × c", "b × c")
    assert interaction_rule("sii", 3).receiver_names(players)[-1] == "a × b × c"
    assert interaction_rule("sii", 1).receiver_names(players) == players


def test_a_constant_share_is_zero_where_none_is_handed_out():
    assert ta.RULES["shapley"].constant_shares(3).tolist() == [0, 0, 0]
    assert ta.RULES["integrated_hessians"].constant_shares(2, exact=True).tolist() == [Fraction(0)] * 4


def test_a_domain_without_conditions_excludes_nothing():
    assert Domain("everything").excludes({}) is None

"""Semivalues against their definition over all coalitions, eq. (63)."""

from fractions import Fraction
from math import comb

import pytest

import taylorattr as ta
from taylorattr.errors import OptionError
from tests.design.families.definitions import effects, game, semivalue, shared_out

F = Fraction


@pytest.mark.parametrize("p", [[F(1), F(0), F(0)], [F(1, 3), F(1, 6), F(1, 3)], [F(-1), F(2), F(1, 7)]])
def test_weights_of_marginal_contributions(p):
    rule = ta.design.semivalue(p, name="test_semivalue")
    v = game(3, 0)
    assert shared_out(rule, effects(v, 3), 3) == semivalue(v, 3, p)


def test_weights_of_mean_contributions():
    omega = [F(2), F(3, 2), F(1, 2), F(0)]
    rule = ta.design.semivalue(omega=omega, name="test_semivalue")
    p = [w / (4 * comb(3, t)) for t, w in enumerate(omega)]
    v = game(4, 1)
    assert shared_out(rule, effects(v, 4), 4) == semivalue(v, 4, p)
    assert rule.ratio((0, 1, 0, 0))[1] == 1  # mean ω = 1 keeps independent effects whole


def test_shares_of_coalitions():
    shares = [F(1), F(1, 5), F(-2), F(3)]
    listed = ta.design.semivalue(shares=shares, name="test_listed")
    called = ta.design.semivalue(shares=lambda s: shares[s - 1] if s <= 4 else 0, name="test_called")
    for kappa in [(1, 0, 0, 0), (1, 2, 0, 0), (0, 1, 1, 3), (1, 1, 1, 1)]:
        size = sum(k > 0 for k in kappa)
        expected = [shares[size - 1] if k else 0 for k in kappa]
        assert list(listed.ratio(kappa)) == expected
        assert list(called.ratio(kappa)) == expected


def test_rules_that_have_a_name_are_recognised():
    n = 4
    assert ta.design.semivalue([F(1, 8)] * n, name="test_b").recognised.name == "semivalue/banzhaf"
    assert ta.design.semivalue(omega=[1] * n, name="test_s").recognised.name == "shapley"
    assert ta.design.semivalue([0, 0, 0, 1], name="test_o").recognised.name == "occlusion_1"


def test_only_shapley_may_be_promised_complete():
    ta.design.semivalue(omega=[1, 1, 1], name="test_s", complete=True)
    with pytest.raises(OptionError, match="promised to be complete.*x₁x₂"):
        ta.design.semivalue(omega=[2, 1, 0], name="test_s", complete=True)


def test_a_semivalue_that_loses_only_large_coalitions_is_not_complete():
    n = 7
    shares = [F(1, s) for s in range(1, n)] + [F(1, 2)]  # right for all but the coalition of everybody
    rule = ta.design.semivalue(shares=shares, name="test_large")
    assert rule.ratio((1,) * n)[0] == F(1, 2)
    assert rule.report.complete.status == "fails"
    assert rule.recognised is None


def test_bad_weights():
    with pytest.raises(OptionError, match="one of p=, omega= or shares=; 0 are given"):
        ta.design.semivalue(name="test_bad")
    with pytest.raises(OptionError, match="2 are given"):
        ta.design.semivalue([1], omega=[1], name="test_bad")
    with pytest.raises(OptionError, match="omega"):
        ta.design.semivalue(omega=["much"], name="test_bad")
    with pytest.raises(OptionError, match="p is empty"):
        ta.design.semivalue([], name="test_bad")
    with pytest.raises(OptionError, match=r"shares\(1\) gives no number"):
        ta.design.semivalue(shares=lambda s: None, name="test_bad")
    with pytest.raises(OptionError, match=r"shares\(3\) gives no number: ZeroDivisionError"):
        ta.design.semivalue(shares=lambda s: 1 / (3 - s), name="test_bad")

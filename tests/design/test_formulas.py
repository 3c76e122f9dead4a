"""A simplified formula is worth what the formula was, quotients by 0 (counted as 0) included."""

import random
from fractions import Fraction

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.allocation.interpret import Interpreter
from taylorattr.allocation.symbols import STANDARD, Indicator, i, indexed, j, k, kappa, m, n, q, s, total
from taylorattr.design.formulas import same, simplified
from taylorattr.maths.multi_index import enumerate_up_to

F = Fraction
KAPPAS = enumerate_up_to(3, 3).astype(int)
weight = indexed("weight")
WEIGHTS = {"weight": np.array([F(1), F(2), F(5, 2)], dtype=object)}
LETTERS = (j, q, k)


def worth(expression):
    return Interpreter(KAPPAS, WEIGHTS, STANDARD, {i: np.arange(3)}, True)(expression)


class Formulas:
    """Random formulas of ratios: sums of products, with denominators that may be 0 for some κ."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *values):
        return self.random.choice(values)

    def other(self, letter):
        return self.pick(*(each for each in LETTERS if each != letter))

    def factor(self, letter):
        return self.pick(
            kappa[letter], Indicator(kappa[letter] > 0), Indicator(kappa[letter] > 1), weight[letter],
            kappa[letter] ** 2,
        )  # fmt: skip

    def denominator(self, letter):
        o = self.other(letter)
        return self.pick(
            m, s, m + s, m - 2, m - s, kappa[letter], total(kappa[o] ** 2, o), total(kappa[o] * weight[o], o),
            total(Indicator(kappa[o] > 1), o),
            total(Indicator(kappa[o] > 0) * Indicator(weight[o] <= weight[letter]), o),
        )  # fmt: skip

    def term(self, letter, depth=1):
        found = F(self.random.randint(1, 4), self.random.randint(1, 3)) * self.factor(letter)
        for _ in range(self.random.randint(0, 2)):
            found = found / self.denominator(letter)
        if depth and self.random.random() < 0.5:
            o = self.other(letter)
            found = found * total(self.term(o, 0) + self.term(o, 0), o)
        return found

    def formula(self):
        found = sum(self.term(i) for _ in range(self.random.randint(1, 3)))
        if self.random.random() < 0.3:
            found = Indicator(kappa[i] > 0) * (found + self.pick(1, m, 1 / s))
        return found


@pytest.mark.parametrize("seed", range(40))
def test_simplified_formulas_keep_their_worth(seed):
    formula = Formulas(seed).formula()
    assert (worth(simplified(formula)) == worth(formula)).all(), formula


def test_sums_with_a_name_are_named():
    assert simplified(total(kappa[q], q)) == m
    assert simplified(total(Indicator(kappa[k] > 0), k)) == s
    assert simplified(kappa[i] * Indicator(kappa[i] > 0) / total(kappa[q], q)) == kappa[i] / m
    assert same(total(kappa[j] / m) * kappa[i], kappa[i])
    assert not same(kappa[i] / m, Indicator(kappa[i] > 0) / s)


def test_a_sum_may_run_over_the_letter_of_another_sum():
    inner = total(kappa[q] * total(kappa[j] * kappa[q], j), q)
    assert (worth(simplified(inner)) == worth(inner)).all()
    nested = total(kappa[j] * total(Indicator(weight[q] > weight[j]) * kappa[q], q), j)
    assert (worth(simplified(nested)) == worth(nested)).all()


def test_a_share_of_nothing_stays_nothing_beside_another_rule():
    groups = ta.design.owen([1, 1, 2], name="test_groups")
    all_alike = ta.design.rule("test_all_alike", "1/n")
    half = ta.design.mix([groups, all_alike], [F(1, 2), F(1, 2)], name="test_half")
    assert list(half.ratio((1, 0, 0))) == [F(2, 3), F(1, 6), F(1, 6)]  # ½·(1, 0, 0) + ½·(⅓, ⅓, ⅓)


def test_a_term_without_powers_is_shared_by_the_other_rule():
    powers = ta.design.rule("test_powers", "Indicator(kappa[i] > 1)/total(Indicator(kappa[j] > 1))")
    half = ta.design.mix([powers, "integrated_gradients"], [F(1, 2), F(1, 2)], name="test_half")
    assert list(half.ratio((1, 1))) == [F(1, 4), F(1, 4)]
    assert list(half.ratio((2, 1))) == [F(1, 2) + F(1, 3), F(1, 6)]


def test_n_is_the_number_of_players():
    assert simplified(total(1, j)) == n

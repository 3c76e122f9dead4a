from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.maths.frames import (
    or_effects_,
    other_frame_,
    other_frame_ratio,
    other_frame_terms,
    reverse_,
)
from taylorattr.maths.mobius import mobius
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.maths.polynomials import taylor_effects
from tests.strategies import games, points, polynomials


@st.composite
def expansions(draw):
    p = draw(polynomials())
    n = len(next(iter(p)))
    return p, draw(points(n)), draw(points(n))


def negated(effects):
    return {kappa: -value for kappa, value in effects.items()}


@given(expansions())
def test_eq_7_is_minus_the_expansion_from_x_to_b(case):
    p, x, b = case
    effects = taylor_effects(p, x, b)
    in_frame_x = negated(taylor_effects(p, b, x))  # f(x) − f(b) = −(f(b) − f(x)), eq. (6)
    assert other_frame_terms(effects) == in_frame_x
    assert other_frame_terms(in_frame_x) == effects


@given(expansions(), st.randoms(use_true_random=False))
def test_eq_9a_gives_the_same_scores_from_the_other_frame(case, random):
    p, x, b = case
    table = {tuple(map(int, k)): random.randint(-9, 9) for k in enumerate_up_to(len(x), 4)}
    effects = taylor_effects(p, x, b)
    scores = sum(table[kappa] * value for kappa, value in effects.items())
    other = other_frame_ratio(table.__getitem__)
    assert sum(other(kappa) * value for kappa, value in other_frame_terms(effects).items()) == scores


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any).map(tuple))
def test_ig_and_shapley_are_self_dual_and_gradient_x_input_is_not(kappa):
    def ig(k):
        return np.array([Fraction(j, sum(k)) for j in k])

    def shapley(k):
        return np.array([Fraction(int(j > 0), sum(map(bool, k))) for j in k])

    def gradient(k):
        return np.array([Fraction(j) for j in k])

    assert (other_frame_ratio(ig)(kappa) == ig(kappa)).all()
    assert (other_frame_ratio(shapley)(kappa) == shapley(kappa)).all()
    first_order_only = np.array([int(sum(kappa) == 1) * j for j in kappa])
    assert (other_frame_ratio(gradient)(kappa) == first_order_only).all()


@given(games(batch=2))
def test_eq_8_from_effects_and_from_values_agree(v):
    assert (other_frame_(mobius(v), "baseline") == or_effects_(v.copy())).all()
    assert (other_frame_(or_effects_(v.copy()), "input") == mobius(v)).all()


@given(games())
def test_or_identity(v):
    effects = or_effects_(v.copy())
    for present in range(len(v)):
        assert v[present] - v[0] == sum(effects[s] for s in range(len(v)) if s & present)


@pytest.mark.parametrize("size", (1, 2, 8, 1 << 10))
def test_reversal_in_blocks(size):
    table = np.arange(2 * size).reshape(2, size)
    assert (reverse_(table.copy(), block=3) == table[:, ::-1]).all()

"""C1: rows of zeros, and terms whose shares cancel while the effect does not, eq. (12)."""

from fractions import Fraction as F

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from taylorattr.criteria.three_criteria import CONSTANT, cancelling, uncovered


def table(*rows):
    return np.array([[F(v) for v in row] for row in rows], dtype=object)


def test_uncovered_rows():
    assert uncovered(table((0, 1), (0, 0), (1, -1))).tolist() == [False, True, False]


def test_constant_sums_cannot_cancel():
    assert cancelling(table((1, 1), (2, 0), (-1, 3))) is None


def test_a_row_of_zeros_is_an_effect_by_itself():
    assert cancelling(table((1, 0), (0, 0))) == {1: 1}


def test_two_parallel_rows():
    assert cancelling(table((1,), (2,))) == {0: 2, 1: -1}


def test_three_rows_where_no_two_cancel():
    found = cancelling(table((1, 0), (0, 1), (2, 3)))
    assert found is not None and len(found) == 3


def test_a_constant_cancels_a_term():
    assert cancelling(table((2, 1)), np.array([F(4), F(2)], dtype=object)) == {0: 1, CONSTANT: F(-1, 2)}
    assert cancelling(table((2, 1)), np.array([F(1), F(1)], dtype=object)) is None
    assert cancelling(table((2, 1)), np.array([F(0), F(0)], dtype=object)) is None


small = st.integers(-2, 2)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(small, small), min_size=1, max_size=4), st.none() | st.tuples(small, small))
def test_found_exactly_where_linear_algebra_says_so(rows, constant):
    """The effects' sum is a function of the scores iff (1, …, 1[, 0]) lies in the span of the columns."""
    shares = None if constant is None else np.array([F(v) for v in constant], dtype=object)
    found = cancelling(table(*rows), shares)
    everything = sp.Matrix([*rows, *([] if constant is None else [constant])])
    sums = sp.Matrix([1] * len(rows) + ([] if constant is None else [0]))
    determined = everything.rank() == everything.row_join(sums).rank()
    assert (found is None) == determined
    if found is not None:
        assert sum(v for row, v in found.items() if row != CONSTANT) == 1
        total = sum((v * everything[row, :] for row, v in found.items()), sp.zeros(1, 2))
        assert total == sp.zeros(1, 2)


def test_the_constant_row_is_the_last():
    assert CONSTANT == -1, "found rows index the matrix of terms and constant"


@pytest.mark.parametrize("value", [F(1, 10**30), F(-3)])
def test_nothing_is_too_small(value):
    assert not uncovered(table((0, value))).any()

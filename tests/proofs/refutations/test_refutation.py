"""The function that accepts and refuses refutations."""

from dataclasses import replace

import pytest
import sympy as sp

from proofs.refutations.refutation import (
    CELLS,
    Case,
    Finding,
    RefutationError,
    cells,
    first_failure,
    refute,
)

x = sp.Symbol("x")


def doubling(number=2):
    """2 k against k², which holds for k = 2 only; and with number = k for every k."""
    for k in range(2, 6):
        yield Case((k,), f"k = {k}", sp.Integer(number if number else k) * k, sp.Integer(k) ** 2)


FALSE = Finding("2k = k²", doubling, "k = 3", 6, 9)


def test_the_first_failure_is_found_and_those_before_it_counted():
    case, kept = first_failure(doubling())
    assert (case.says, kept) == ("k = 3", 1)
    assert refute([FALSE]) == ["2k = k² fails at k = 3: 6 against 9; kept in all 1 smaller cases"]


def test_a_true_claim_is_not_refuted():
    with pytest.raises(RefutationError, match="holds in all 4 cases"):
        first_failure(doubling(number=None))


def test_a_claim_of_difference_fails_where_the_sides_agree():
    case, kept = first_failure(doubling(), equal=False)
    assert (case.says, kept) == ("k = 2", 0)


def test_sides_are_compared_as_expressions():
    same = Case((1,), "a square", (x + 1) ** 2, x**2 + 2 * x + 1)
    with pytest.raises(RefutationError, match="holds"):
        first_failure([same])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"witness": "k = 4", "left": 8, "right": 16}, "the smallest failure is k = 3"),
        ({"left": 7}, "computed k = 3: 6 against 9"),
        ({"right": 6}, "computed k = 3: 6 against 9"),
        ({"equal": False}, "the smallest failure is k = 2"),
    ],
)
def test_another_witness_or_other_sides_are_refused(change, message):
    with pytest.raises(RefutationError, match=message):
        refute([replace(FALSE, **change)])


def test_cases_have_to_come_by_size():
    cases = [Case((2,), "second", 1, 1), Case((1,), "first", 1, 2)]
    with pytest.raises(RefutationError, match="first comes after second"):
        first_failure(cases)


def test_a_refutation_without_a_claim_is_refused():
    with pytest.raises(RefutationError, match="without a claim"):
        refute([])


def test_cells_of_several_rules():
    assert cells("a b/c", "input", "C1 effect", "C3") == (
        ("a", "input", "coverage", "effect"),
        ("a", "input", "complete", "term"),
        ("b/c", "input", "coverage", "effect"),
        ("b/c", "input", "complete", "term"),
    )
    assert len(set(CELLS.values())) == 4

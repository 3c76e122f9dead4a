import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import OptionError
from taylorattr.maths.subsets import (
    Coalitions,
    count_up_to,
    masks_of_size,
    masks_up_to,
    of_size,
    popcounts,
    ranks,
    to_coalition,
    to_mask,
    unrank,
)

SIZES = st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[1] <= pair[0])


@given(st.sets(st.integers(0, 200)))
def test_masks_and_coalitions_are_inverse(players):
    assert to_coalition(to_mask(players)) == tuple(sorted(players))


@given(st.integers(0, 10))
def test_popcounts_count_the_players(n):
    assert popcounts(n).tolist() == [mask.bit_count() for mask in range(1 << n)]


@given(SIZES)
def test_enumeration_is_that_of_itertools(pair):
    n, s = pair
    expected = list(itertools.combinations(range(n), s))
    assert [tuple(row) for row in of_size(n, s)] == expected
    assert masks_of_size(n, s).tolist() == [to_mask(c) for c in expected]


@given(SIZES)
def test_rank_is_the_position_and_unrank_its_inverse(pair):
    n, s = pair
    rows = of_size(n, s)
    assert ranks(rows, n).tolist() == list(range(len(rows)))
    assert [unrank(i, n, s) for i in range(len(rows))] == [tuple(row) for row in rows]


@given(st.integers(0, 6), st.none() | st.integers(0, 7))
def test_coalitions_index_iterate_and_slice_alike(n, max_order):
    coalitions = Coalitions(n, max_order)
    listed = list(coalitions)
    assert listed == [coalitions[i] for i in range(len(coalitions))] == coalitions[:]
    assert [coalitions.index(reversed(c)) for c in listed] == list(range(len(listed)))
    assert coalitions.masks.tolist() == [to_mask(c) for c in listed]
    assert coalitions.sizes.tolist() == [len(c) for c in listed]
    assert listed[0] == ()
    for size in range(n + 2):
        found = np.arange(len(listed))[coalitions.positions(size)]
        assert found.tolist() == [i for i, c in enumerate(listed) if len(c) == size]


def test_a_full_table_is_in_bitmask_order():
    assert list(Coalitions(2)) == [(), (0,), (1,), (0, 1)]
    assert list(Coalitions(3, 2)) == [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]


def test_many_players_need_no_list():
    coalitions = Coalitions(10_000, 3)
    assert coalitions[-1] == (9_997, 9_998, 9_999)
    assert coalitions.index((9_999, 9_997, 9_998)) == len(coalitions) - 1
    assert len(coalitions) == count_up_to(10_000, 3)
    assert masks_up_to(70, 1)[-1] == 1 << 69  # beyond 62 players masks are Python integers


def test_coalitions_say_what_is_wrong():
    with pytest.raises(OptionError, match=r"\(0, 7\) names players outside 0 … 3"):
        Coalitions(4).index((0, 7))
    with pytest.raises(OptionError, match="has 3 players, the table holds at most 2"):
        Coalitions(4, 2).index((0, 1, 2))
    assert (0, 1, 2) not in Coalitions(4, 2) and (1, 0) in Coalitions(4, 2) and "ab" not in Coalitions(4)
    with pytest.raises(IndexError, match="position 16 of 16"):
        Coalitions(4)[16]

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import OptionError
from taylorattr.maths.windows import SlidingWindows, full_shape, starts, window_scores


@st.composite
def sliding(draw, dimensions=2):
    shape = tuple(draw(st.integers(1, 7)) for _ in range(dimensions))
    window = tuple(draw(st.integers(1, s)) for s in shape)
    stride = tuple(draw(st.integers(1, w)) for w in window)
    return SlidingWindows(shape, window, stride)


@given(sliding())
def test_members_are_what_slicing_gives(windows):
    held = windows.members(0, len(windows))
    assert held.any(0).all(), "every element is in a window"
    corners = itertools.product(
        *(starts(*sizes) for sizes in zip(windows.shape, windows.window, windows.stride, strict=True))
    )
    for table, corner in zip(held, corners, strict=True):
        expected = np.zeros(windows.shape, dtype=bool)
        expected[tuple(slice(c, c + w) for c, w in zip(corner, windows.window, strict=True))] = True
        assert (table == expected).all() and expected.any()


@given(sliding(), st.data())
def test_members_come_in_any_blocks(windows, data):
    cut = data.draw(st.integers(0, len(windows)))
    parts = np.concatenate([windows.members(0, cut), windows.members(cut, len(windows))])
    assert (parts == windows.members(0, len(windows))).all()


def test_the_last_window_is_cut_at_the_border():
    assert starts(7, 3, 2).tolist() == [0, 2, 4]
    assert starts(8, 3, 2).tolist() == [0, 2, 4, 6]  # the window at 6 holds two elements
    assert SlidingWindows((8,), (3,), (2,)).members(3, 4).tolist() == [[0, 0, 0, 0, 0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("window", "stride", "message"),
    [
        ((9, 1), (1, 1), "larger than one example"),
        ((2, 2), (3, 1), "never be looked at"),
        ((2,), (1, 1), "2 dimensions"),
        ((2, 0), (1, 1), "positive size"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(window, stride, message):
    with pytest.raises(OptionError, match=message):
        SlidingWindows((8, 8), window, stride)


def test_missing_dimensions_are_held_whole():
    assert full_shape(3, (3, 8, 9), "window") == (3, 3, 3)
    assert full_shape((2, 5), (3, 8, 9), "window") == (3, 2, 5)
    assert full_shape((1, 2, 5), (3, 8, 9), "window") == (1, 2, 5)
    assert full_shape(2, (9,), "window") == (2,)
    for bad in ((1, 2, 3, 4), 0, (2, -1), (2.0, 2), True):
        with pytest.raises(OptionError, match="window="):
            full_shape(bad, (3, 8, 9), "window")


@given(st.data())
def test_scores_are_equation_25(data):
    windows, n = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    row = st.lists(st.booleans(), min_size=n, max_size=n)
    members = np.array(data.draw(st.lists(row, min_size=windows, max_size=windows)))
    values = [Fraction(data.draw(st.integers(-9, 9))) for _ in range(windows)]
    floats = np.array([float(v) for v in values])
    cover, sizes = members.sum(0), np.maximum(members.sum(1), 1)
    for average in (True, False):
        expected = [
            sum(
                (v * (Fraction(1, int(cover[i])) if average else Fraction(1, int(size))))
                for v, size, held in zip(values, sizes, members, strict=True)
                if held[i]
            )
            for i in range(n)
        ]
        found = window_scores(members, floats, cover if average else None, sizes)
        # five values up to 9 divided by at most 5: rounding of a few units in the last place of 45
        assert np.abs(found - np.array([float(e) for e in expected])).max() < 1e-13

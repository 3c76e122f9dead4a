"""Numbers in words."""

import math

import pytest

from taylorattr.html.numbers import count, listed, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1.0, "1"), (-0.12345, "−0.1235"), (1234.0, "1,234"),
        (-1e-7, "−1.00·10⁻⁷"), (2.5e12, "2.50·10¹²"),
        (math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "−∞"), (None, "—"),
    ],
)  # fmt: skip
def test_a_number(value, text):
    assert number(value) == text


def test_a_sign_is_written_where_it_says_something():
    assert number(0.5, sign=True) == "+0.5"
    assert number(0.0, sign=True) == "0"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-9, "< 0.01 %"),
        (0.00123, "0.12 %"),
        (-0.031, "−3.1 %"),
        (1.5, "150 %"),
        (math.nan, "NaN"),
    ],
)
def test_a_share(share, text):
    assert percent(share) == text


def test_words_for_several():
    assert count(1, "player") == "1 player"
    assert count(1000, "entry", "entries") == "1,000 entries"
    assert listed([3]) == "3"
    assert listed([0, 1, 5]) == "0, 1 and 5"
    assert listed(list(range(12))) == "0, 1, 2, 3, 4, 5, 6, 7 and 4 more"

"""Numbers and names in a page: words for readers, data that comes out as it went in, no markup."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.html.text import count, json_for_html, listed, number, percent, plain, printable


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


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(ANYTHING)
def test_json_comes_out_as_it_went_in_and_is_harmless(value):
    text = str(json_for_html(value))
    assert json.loads(text) == value
    assert text.isascii()
    assert not set("<>&") & set(text)


@pytest.mark.parametrize("name", ["</script>", "<!--", "&amp;", "a\u2028b\u2029", "\ud800", "\x00"])
def test_dangerous_names_survive(name):
    text = str(json_for_html([name]))
    assert json.loads(text) == [name]
    assert "<" not in text and "&" not in text and "\u2028" not in text


def test_numbers_json_does_not_have_are_words():
    assert plain([math.nan, math.inf, -math.inf]) == ["NaN", "Infinity", "-Infinity"]
    assert plain({"t": torch.tensor([1.5]), "n": np.float64(2), "i": np.int64(3)}) == {
        "t": [1.5],
        "n": 2.0,
        "i": 3,
    }


def test_text_is_made_printable():
    assert printable("a\u202eb\x00c\ud800\u2028") == "a�b�c��"
    assert printable("two\nlines\tand κ, √, 語") == "two\nlines\tand κ, √, 語"

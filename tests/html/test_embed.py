"""Data inside a page: nothing ends its element, and everything comes out as it went in."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.html.embed import json_for_html, plain, printable

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

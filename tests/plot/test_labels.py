"""Names of any length and any characters become labels of a bounded length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.plot.labels import (
    clean,
    distinct,
    fitting_font,
    joined,
    number,
    numbered,
    shortened,
    text_width,
    told_apart,
)


@given(st.text(max_size=200), st.integers(2, 60))
def test_a_shortened_name_has_at_most_so_many_characters_and_one_line(name, limit):
    label = shortened(name, limit)
    assert len(label) <= limit
    assert label.isprintable()


@given(st.text(max_size=40))
def test_a_short_name_is_itself_but_for_white_space(name):
    assert shortened(name, 40) == clean(name)
    assert clean(clean(name)) == clean(name)


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=12), st.integers(20, 60))
def test_joined_names_keep_a_bound_and_count_what_they_leave_out(parts, limit):
    label = joined(parts, limit)
    assert len(label) <= limit + len(" × 12 more")
    if "more" not in "".join(parts) and label.endswith(" more"):
        left_out = int(label.split()[-2])
        assert label.count(" × ") == len(parts) - left_out or any("×" in p for p in parts)


def test_both_ends_of_a_name_are_kept():
    label = shortened("mean concave points of the cell", 16)
    assert label.startswith("mean conca") and label.endswith("cell") and len(label) == 16


def test_a_common_beginning_is_written_once():
    names = [f"patch[{i},{i}]" for i in range(4)]
    assert joined(names, 40) == "patch[0,0] × …1,1] × …2,2] × …3,3]"
    assert joined(names, 60) == " × ".join(names)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (1.5, "+1.5"), (-2.25e-7, "−2.25e−07"), (-1234.4, "−1,234"), (1e9, "+1e+09")],
)
def test_numbers_have_three_digits_and_a_proper_minus(value, text):
    assert number(value) == text


def test_a_fitting_font_fits():
    text = "From the baseline's output to the input's"
    assert fitting_font(text, 1e6, 10.0) == 10.0
    font = fitting_font(text, 120.0, 10.0)
    assert text_width(text, font) <= 120.0 * 1.05  # hinting rounds advances to whole pixels


def test_a_dollar_is_as_wide_as_a_dollar():
    assert text_width("$x$", 10.0) > text_width("x", 10.0) + 2 * text_width("$", 10.0) * 0.9


NAMES = st.lists(st.text(st.sampled_from("ab c"), max_size=40).map(clean), max_size=8, unique=True)


@given(NAMES, st.integers(5, 45))
def test_different_names_stay_different(names, limit):
    short = distinct(names, limit)
    assert len(set(short)) == len(names)
    assert all(len(text) <= limit for text in short)
    assert [s for s, n in zip(short, names, strict=True) if len(n) <= limit] == [
        n for n in names if len(n) <= limit
    ]


def test_what_names_differ_in_is_kept():
    names = [f"a long name of patch {i} of the image" for i in (3, 14)]
    assert distinct(names, 15) == ["a long name …3…", "a long name…14…"]
    assert distinct(["worst fractal dimension", "worst fractal diameter"], 12) == [
        "worst fr…ion",
        "worst fr…ter",
    ]
    assert distinct(["the same"] * 2, 6) == [shortened("the same", 6)] * 2
    a, y = "a" * 9, "y" * 20
    hidden = [f"{a}{b}{y}{c}{y}{d}{a}" for b, c, d in ("111", "121", "212")]
    assert distinct(hidden, 8) == ["aaaa…a#1", "aaaa…a#2", "2yyyy…y2"]  # two differ far from both ends


SETS = st.sets(st.frozensets(st.integers(0, 8), min_size=1), min_size=2, max_size=12)


@given(SETS, st.lists(st.text("ab ", min_size=1, max_size=25), min_size=9, max_size=9), st.integers(12, 40))
def test_labels_of_different_effects_are_different(coalitions, players, limit):
    names = numbered([clean(name) for name in players])
    effects = [[names[i] for i in sorted(coalition)] for coalition in coalitions]
    labels = told_apart(effects, limit, names)
    assert len(set(labels)) == len(effects)


def test_most_players_are_named_by_those_that_are_missing():
    names = ["body mass index", "blood pressure", "total cholesterol", "age", "sex"]
    assert told_apart([names[:4], names, names[:2]], 40, names) == [
        "all but sex",
        "all 5 together",
        "body mass index × blood pressure",
    ]


def test_what_effects_differ_in_comes_first():
    first, second = (["body mass index", "blood pressure", "cholesterol", last] for last in ("LDL", "HDL"))
    assert told_apart([first, second], 24) == ["LDL × 3 more", "HDL × 3 more"]


def test_repeated_names_carry_their_place():
    assert numbered(["the", "cat", "the"]) == ["the #1", "cat", "the #3"]

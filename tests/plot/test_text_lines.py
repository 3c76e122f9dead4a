"""Tokens stay in order and within the width; a long sentence takes more lines, a low place a smaller font."""

from hypothesis import given, settings
from hypothesis import strategies as st

from taylorattr.plot.text_lines import fitted, one_line_or, set_in_lines

TOKENS = st.lists(st.text("abcdefghij", min_size=1, max_size=12), min_size=1, max_size=40)


@settings(max_examples=30)
@given(TOKENS)
def test_tokens_stay_in_order_and_within_the_width(tokens):
    setting = set_in_lines(tokens, [""] * len(tokens), 200.0, 10.0, 20.0)
    for before, after in zip(setting.boxes, setting.boxes[1:], strict=False):
        assert (after.line, after.left) > (before.line, before.left)
        assert after.line > before.line or after.left >= before.left + before.width
    assert all(box.left + box.width <= 200.0 for box in setting.boxes)
    assert setting.height >= setting.boxes[-1].top + setting.tall


def test_the_font_gives_way_to_the_place():
    tokens, notes = ["token"] * 40, ["+1.23"] * 40
    large = fitted(tokens, notes, 400.0, 1000.0, 10.0, 4.0)
    small = fitted(tokens, notes, 200.0, 150.0, 10.0, 4.0)
    assert large.font == 10.0 and 4.0 <= small.font < 10.0
    assert small.height <= 150.0
    assert one_line_or(["a", "b"], ["", ""], 400.0, 14.0, 10.0).font == 14.0
    assert one_line_or(tokens, notes, 400.0, 14.0, 10.0).font == 10.0

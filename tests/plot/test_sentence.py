"""Boxes are tokens coloured by score, arcs the largest pairs, the foot what is not drawn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.plot import PALETTES, sentence
from taylorattr.plot.labels import number
from taylorattr.plot.sentence import fitted, one_line_or, set_in_lines
from tests.plot import results


def by_gid(ax, start):
    return {p.get_gid(): p for p in ax.patches if p.get_gid().startswith(start)}


@pytest.mark.parametrize("effects", [results.harsanyi(6), results.taylor(6, 3), results.harsanyi(60, 2)])
def test_arcs_are_the_largest_pairs_as_wide_as_they_are_large(effects):
    table = getattr(effects, "interactions", effects)
    _, ax = sentence(effects, k=7)
    pairs = [e for e in table.top(10**6)[0] if len(e.key) == 2]
    arcs = by_gid(ax, "pair:")
    assert list(arcs) == [f"pair:{i}:{j}" for i, j in (e.key for e in pairs[:7])]
    widths = np.array([arc.get_linewidth() for arc in arcs.values()])
    sizes = np.abs([e.value for e in pairs[:7]])
    assert (widths - 0.8) / 3.2 == pytest.approx(sizes / sizes.max())
    foot = ax.texts[-1].get_text() if "Arcs" in ax.texts[-1].get_text() else ""
    foot = foot or next(t.get_text() for t in ax.texts if "Arcs" in t.get_text())
    rest = [e.value for e in pairs[7:]]
    assert f"sum to {number(sum(rest))}, Σ|·| {number(float(np.abs(rest).sum()), sign=False)}" in foot
    beyond = sum(abs(e.value) for e in table.top(10**6)[0] if len(e.key) > 2)
    assert (f"three and more: Σ|·| {number(beyond, sign=False)}" in foot) == (beyond > 0)


def test_tokens_carry_their_scores_and_colours():
    scores = results.attribution(5)
    _, ax = sentence(scores, tokens=["not", "good", "<b>", "$x$", ""])
    values = scores.player_scores[0]
    shades = PALETTES["red-blue"].colour_map()
    top = float(values.abs().max())
    for i, patch in enumerate(by_gid(ax, "token:").values()):
        assert patch.get_facecolor() == pytest.approx(shades(0.5 + 0.5 * float(values[i]) / top))
    written = [text.get_text() for text in ax.texts if text.get_gid() == "token"]
    assert written == ["not", "good", "<b>", "$x$", "␣"]
    assert [t.get_text() for t in ax.texts if t.get_gid() == "note"] == [number(float(v)) for v in values]


def test_tokens_never_overlap_and_stay_in_their_lines():
    figure, ax = sentence(results.harsanyi(60, 2))
    areas = np.array([p.get_bbox().extents for p in by_gid(ax, "token:").values()])
    wide = np.minimum(areas[:, None, 2], areas[None, :, 2]) - np.maximum(areas[:, None, 0], areas[None, :, 0])
    high = np.minimum(areas[:, None, 3], areas[None, :, 3]) - np.maximum(areas[:, None, 1], areas[None, :, 1])
    assert not np.triu((wide > 0) & (high > 0), 1).any()
    assert areas[:, 2].max() <= ax.get_xlim()[1]


def test_scores_of_one_result_and_pairs_of_another():
    scores, pairs = results.attribution(5), results.harsanyi(5)
    _, ax = sentence(scores, pairs, k=2)
    assert len(by_gid(ax, "pair:")) == 2
    assert not by_gid(sentence(scores)[1], "pair:")


def test_bad_input():
    with pytest.raises(OptionError, match="same players"):
        sentence(results.attribution(5), results.harsanyi(4))
    with pytest.raises(OptionError, match="2 tokens for 5"):
        sentence(results.attribution(5), tokens=["a", "b"])
    with pytest.raises(OptionError, match="given a Tensor"):
        sentence(torch.zeros(3))


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


def test_a_graph_of_tokens_is_drawn_on_the_sentence():
    effects = results.harsanyi(6, 2)
    drawn = []
    for source in (effects, ta.interaction_graph(effects)):
        _, ax = sentence(source, k=5)
        drawn.append({p.get_gid(): p.get_edgecolor() for p in ax.patches})
    assert drawn[0] == drawn[1] and sum(gid.startswith("pair:") for gid in drawn[0]) == 5
    _, ax = sentence(ta.interaction_graph(effects, top=7), k=5)
    pairs = effects.order_values(2)[0].abs().sort(descending=True).values
    foot = " ".join(t.get_text() for t in ax.texts)
    assert f"the 5 largest of 15 pairs; the others have Σ|·| {float(pairs[5:].sum()):.3g}" in foot

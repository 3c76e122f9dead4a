"""``ta.report``: sections for what is given, and nothing half-written."""

import dataclasses
import re
import warnings

import pytest
import torch

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.html.by_order import order_section
from taylorattr.html.contents import contents_of
from taylorattr.html.question import About, question_section
from taylorattr.html.scores import score_section
from tests.html.pages import inputs, network, results
from tests.plot.results import attribution, harsanyi, taylor

SECTIONS = {
    "series": {"delta", "graph", "effects"},
    "exact": {"delta", "graph", "effects"},
    "gradients": {"delta", "methods"},
    "sums": {"delta", "methods", "reformulations"},
    "paper": {"criteria"},
    "audit": {"audit"},
}


def sections(path):
    return re.findall(r'<section id="([a-z]+)"', path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SECTIONS)
def test_sections_appear_for_what_is_given(tmp_path, name):
    path = ta.report(tmp_path / "p.html", results()[name])
    assert set(sections(path)) == {"question", "trust", *SECTIONS[name]}


def test_everything_makes_every_section_once_in_reading_order(full):
    found = sections(full)
    assert found == [
        "question", "trust", "delta", "graph", "effects", "methods", "reformulations", "criteria", "audit",
    ]  # fmt: skip


def test_a_probed_rule_and_any_other_result_have_their_place(tmp_path):
    probed = ta.probe(
        lambda f, x, b: (x - b) * torch.func.grad(lambda y: f(y).sum())(x), n_players=2, order=2
    )
    other = probed.verdicts[0]
    path = ta.report(tmp_path / "p.html", probed, other)
    assert sections(path)[-2:] == ["probes", "others"]
    assert probed.name in path.read_text(encoding="utf-8")


def test_user_text_is_never_markup(full):
    text = full.read_text(encoding="utf-8")
    own = re.findall(r"<script[^>]*>", text)
    assert len(own) == 1 + 1 + 5, "data, the library, five scripts"
    body = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert "<img" not in body and "onerror=alert(2)>" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "<title>&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;</title>" in body
    assert "\u202e" not in body and "\x00" not in body


def test_the_page_asks_for_nothing_from_outside(full):
    text = full.read_text(encoding="utf-8")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    assert f'content="{policy}' in text
    assert not re.search(r"<(?:link|img|script|iframe|a)[^>]+(?:src|href)=\"(?:https?:)?//", text)


def test_what_was_explained_is_said(tmp_path):
    x = inputs()
    path = ta.report(
        tmp_path / "p.html", results()["series"], model=network(), inputs=x, baselines=0.0, target=3, seed=7
    )
    text = path.read_text(encoding="utf-8")
    assert "Sequential, 57 parameters, float32, digest " in text
    assert f"taylorattr {ta.__version__}" in text and f"torch {torch.__version__}" in text
    assert "(2, 5) float32" in text
    assert "<dt>seed</dt><dd><bdi>7</bdi>" in text
    assert "Tanh()" in text, "layers of the model"
    plain = ta.report(tmp_path / "q.html", results()["series"]).read_text(encoding="utf-8")
    assert plain.count("not given") == 4


def test_examples_are_chosen_and_said(tmp_path):
    effects = taylor(3, 2, batch=9)
    text = ta.report(tmp_path / "p.html", effects).read_text(encoding="utf-8")
    assert set(re.findall(r'data-example="(\d+)"', text)) == {"0", "1", "2", "3"}
    assert "9 in the results; on this page: 0, 1, 2 and 3" in text
    text = ta.report(tmp_path / "p.html", effects, examples=[7, 2]).read_text(encoding="utf-8")
    assert set(re.findall(r'data-example="(\d+)"', text)) == {"7", "2"}


def test_many_effects_are_folded_and_the_amount_is_said(tmp_path):
    effects = taylor(70, 3)  # 62,195 effects
    path = ta.report(tmp_path / "p.html", effects)
    text = path.read_text(encoding="utf-8")
    assert "The 1,000 largest of 62,195 effects are listed; the other 61,195" in text
    assert "61,195 others together" in text
    assert path.stat().st_size < 3e6


def test_numbers_that_are_not_finite_are_shown_and_not_drawn(tmp_path):
    effects = taylor(4, 2)
    values = effects.values.clone()
    values[0, 5] = float("nan")
    text = ta.report(tmp_path / "p.html", dataclasses.replace(effects, values=values)).read_text(
        encoding="utf-8"
    )
    assert "Some effects are NaN or infinite." in text
    assert "cannot be drawn" in text
    assert "1 of 14 effects are not finite" in text


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_scores_that_are_not_finite_come_first_without_a_warning(value):
    scores = attribution(3, labels=("a", "b", "c"))
    rows = scores.player_scores.clone()
    rows[0, 1] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        section = score_section(contents_of([dataclasses.replace(scores, player_scores=rows)]))
    names = [row[0] for row in section.tables[0].rows]
    others = sorted("ac", key=lambda name: -abs(float(scores.player_scores[0, "abc".index(name)])))
    assert names == ["b", *others]


def test_the_input_is_named_by_players_only_where_scores_prove_which_is_which(tmp_path):
    x = torch.tensor([[1.0, 2.0, 3.0]])
    model = torch.nn.Linear(3, 1).eval()

    def listed(players, **changes):
        scores = ta.attribute("shapley", model, x, players=players)
        section = question_section(
            contents_of([dataclasses.replace(scores, **changes)]), About("t", inputs=x)
        )
        return [row[0] for row in section.tables[0].rows]

    assert listed(ta.Players.elements(x, names=("first", "second", "third"))) == ["first", "second", "third"]
    assert listed(ta.Players.columns({"third": [2], "first": [0], "second": [1]})) == ["0", "1", "2"]
    alike = {"scores": torch.zeros(1, 3), "player_scores": torch.zeros(1, 3)}
    assert listed(ta.Players.columns({"third": [2], "first": [0], "second": [1]}), **alike) == ["0", "1", "2"]


def test_a_rule_of_another_program_is_said_to_be_unknown(tmp_path):
    foreign = dataclasses.replace(results()["sums"], rule="of another program")
    text = ta.report(tmp_path / "p.html", foreign).read_text(encoding="utf-8")
    assert "The rule of another program is not defined in the program that wrote this page" in text
    assert "ratios at each unit" not in text
    assert "beside-0" in text, "the scores and their sum stand there all the same"


@pytest.mark.parametrize("effects", [taylor(1, 1), taylor(3, 2, zero=True), harsanyi(1), harsanyi(2, 1)])
def test_little_to_show_is_shown(tmp_path, effects):
    assert {"delta", "graph", "effects"} <= set(sections(ta.report(tmp_path / "p.html", effects)))


def test_equal_names_are_listed_though_no_graph_can_tell_them_apart(tmp_path):
    effects = harsanyi(3, labels=("a", "a", "b"))
    text = ta.report(tmp_path / "p.html", effects).read_text(encoding="utf-8")
    assert "cannot be drawn" in text
    assert '<section id="effects"' in text


@pytest.mark.parametrize(
    ("index", "adds_up"), [("SII", False), ("STII", True), ("SV", True), ("Banzhaf", False)]
)
def test_an_index_that_does_not_share_out_the_difference_says_so(index, adds_up):
    values = harsanyi(4).index(index, order=1 if index in ("SV", "Banzhaf") else 2)
    section = order_section(contents_of([values]))
    assert ("do not add up" in section.content["parts"][0]["sentence"]) is not adds_up
    assert section.tables[0].foot[0][0] == "difference", "neither a remainder of orders nor rounding"


def test_methods_of_other_players_stand_in_a_table_of_their_own(tmp_path):
    three = attribution(3, labels=("a", "b", "c"))
    four = attribution(4, method="shapley", labels=("a", "b", "c", "d"))
    text = ta.report(tmp_path / "p.html", three, four, three).read_text(encoding="utf-8")
    assert 'data-table="scores-0-0"' in text and 'data-table="scores-1-0"' in text
    assert "integrated_gradients (2)" in text


@pytest.mark.parametrize(
    ("wrong", "options", "message"),
    [
        ((), {}, "there is no result to report"),
        (([taylor(2, 1)],), {}, "a list is none .unpack a list"),
        ((torch.zeros(3),), {}, "a Tensor is none"),
        ((taylor(2, 1),), {"examples": [4]}, "give one or more of 0 … 0"),
        ((taylor(2, 1),), {"examples": []}, "give one or more of 0 … 0"),
        ((taylor(2, 1),), {"max_effects": 0}, "at least 1"),
    ],
)
def test_a_wrong_call_says_what_to_do(tmp_path, wrong, options, message):
    with pytest.raises(OptionError, match=message):
        ta.report(tmp_path / "p.html", *wrong, **options)
    assert not list(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(OptionError, match="a report is written as .html"):
        ta.report(tmp_path / "p.pdf", taylor(2, 1))


def test_an_unwritable_path_leaves_nothing_half_written(tmp_path, monkeypatch):
    effects = taylor(2, 1)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ta.report(tmp_path / "absent" / "p.html", effects)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        ta.report(tmp_path / "folder.html", effects)
    old = ta.report(tmp_path / "p.html", effects).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"p\.html cannot be written: No space left on device"):
        ta.report(tmp_path / "p.html", taylor(3, 2))
    assert (tmp_path / "p.html").read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.html", "p.html"]


@pytest.mark.parametrize("name", ["series", "exact", "gradients", "sums", "paper", "audit"])
def test_every_result_saves_itself_as_a_page(tmp_path, name):
    result = results()[name]
    assert result.save(tmp_path / "own.html") == tmp_path / "own.html"
    assert set(sections(tmp_path / "own.html")) == {"question", "trust", *SECTIONS[name]}
    with pytest.raises(OptionError, match="kept as .npz or .json"):
        type(result).load(tmp_path / "own.html")


def test_the_question_is_not_changed(tmp_path):
    model, x = network(), inputs()
    before = [p.clone() for p in model.parameters()], x.clone(), model.training
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ta.report(tmp_path / "p.html", results()["series"], results()["sums"], model=model, inputs=x)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before[0], strict=True))
    assert torch.equal(x, before[1]) and model.training == before[2]

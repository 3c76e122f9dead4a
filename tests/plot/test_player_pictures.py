"""Pictures by player: steps add up, parts are the effects', folds say their amount."""

import numpy as np
import pandas
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.plot import beeswarm, dependence, importance, waterfall
from taylorattr.plot.player_parts import player_parts
from tests.plot import results


def model(x):
    return 2 * x[:, 0] + x[:, 1] * x[:, 2] - 3 * x[:, 0] * x[:, 3] * x[:, 1]


X = torch.tensor([[1.0, 2.0, -1.0, 0.5], [0.5, 1.0, 2.0, -1.0], [2.0, -1.0, 1.0, 1.0]], dtype=torch.float64)
NAMES = ("age", "sex", "bmi", "pressure")
PLAYERS = ta.Players.elements(X, names=NAMES)


@pytest.fixture(scope="module")
def effects():
    return ta.harsanyi(model, X, players=PLAYERS)


def patches(ax, start):
    return {p.get_gid().removeprefix(start): p for p in ax.patches if (p.get_gid() or "").startswith(start)}


def test_every_result_says_what_players_are_given(effects):
    shapley = effects.index("SV").order_values(1).numpy()
    alone = np.column_stack([2 * X[:, 0], 0 * X[:, 1], 0 * X[:, 2], 0 * X[:, 3]])
    sources = [
        effects,
        effects.in_frame("input"),
        effects.index("k-SII", 3),
        ta.audit("shapley", model, X, players=PLAYERS),
    ]
    sources.append(ta.decompose(model, X, players=PLAYERS, order=3))
    for source in sources:
        parts = player_parts(source)
        assert parts.scores == pytest.approx(shapley, abs=1e-9)
        assert parts.names == NAMES
        assert parts.f_input - parts.f_baseline == pytest.approx(effects.delta.numpy(), abs=1e-9)
    for source in (effects, *sources[3:]):
        assert player_parts(source).alone == pytest.approx(alone, abs=1e-9)
    for source in (effects.index("SV"), ta.attribute("shapley", model, X, players=PLAYERS)):
        assert player_parts(source).scores == pytest.approx(shapley, abs=1e-9)
        assert player_parts(source).alone is None


def test_an_audit_shows_what_the_method_gives():
    audit = ta.audit("occlusion_1", model, X, players=PLAYERS)
    scores = ta.attribute("occlusion_1", model, X, players=PLAYERS)
    parts = player_parts(audit)
    assert parts.scores == pytest.approx(scores.player_scores.numpy(), abs=1e-9)
    assert parts.f_input == pytest.approx(scores.f_input.numpy(), abs=1e-9)


@pytest.mark.parametrize("k", [2, 12])
def test_the_steps_lead_from_the_baseline_to_the_input(effects, k):
    figure, ax = waterfall(effects, X, example=1, k=k)
    steps = list(patches(ax, "step:").values())
    level = float(effects.f_baseline[1])
    for step in steps:
        assert step.get_x() == pytest.approx(level)
        level += step.get_width()
    assert level == pytest.approx(float(effects.f_input[1]))
    shapley = effects.index("SV").order_values(1)[1]
    order = shapley.abs().argsort(descending=True)
    widths = [step.get_width() for step in steps]
    assert widths[:k] == pytest.approx(shapley[order][:k].tolist())
    if k == 2:
        assert widths[2] == pytest.approx(float(shapley[order][2:].sum()))


def test_a_strip_is_the_own_effect_and_the_interactions(effects):
    _, ax = waterfall(effects, X, example=2)
    alone, other = patches(ax, "alone:"), patches(ax, "interactions:")
    assert alone["0"].get_width() == pytest.approx(4.0)  # 2·x₀
    assert other["0"].get_width() == pytest.approx(-3 * 2 * -1 * 1 / 3)  # a third of −3·x₀x₁x₃
    assert "(33%)" in " ".join(t.get_text() for t in ax.texts)  # 2 of 4 + 2
    for name in alone:
        assert other[name].get_x() == pytest.approx(alone[name].get_x() + alone[name].get_width())
        assert other[name].get_hatch() and not alone[name].get_hatch()


def test_values_stand_beside_the_names(effects):
    frame = pandas.DataFrame(X.numpy(), columns=NAMES).astype(object)
    frame["sex"] = ["female", "male", "female"]
    for inputs, expected in ((X, "sex = 1"), (frame, "sex = male")):
        _, ax = waterfall(effects, inputs, example=1)
        labels = [t.get_text() for t in ax.get_yticklabels()]
        assert expected in labels and "age = 0.5" in labels


def test_a_gap_is_a_step_of_its_own():
    scores = ta.attribute("occlusion_1", model, X, players=PLAYERS)
    _, ax = waterfall(scores)
    assert patches(ax, "step:")["gap"].get_width() == pytest.approx(float(scores.gap[0]))
    assert not patches(ax, "alone:")


def test_a_dot_is_a_score_in_the_colour_of_its_value(effects):
    _, ax = beeswarm(effects, X, k=2)
    dots = {c.get_gid(): c for c in ax.collections if (c.get_gid() or "").startswith("dots:")}
    scores = effects.index("SV").order_values(1).numpy()
    order = np.argsort(-np.abs(scores).mean(0))
    assert set(dots) == {f"dots:{order[0]}", f"dots:{order[1]}", "dots:others"}
    first = dots[f"dots:{order[0]}"]
    assert np.asarray(first.get_offsets())[:, 0] == pytest.approx(scores[:, order[0]])
    colours = first.get_facecolors()
    ranks = X[:, order[0]].argsort().tolist()
    assert colours[ranks[0]] != pytest.approx(colours[ranks[-1]])
    assert np.asarray(dots["dots:others"].get_offsets())[:, 0] == pytest.approx(scores[:, order[2:]].sum(1))
    shares = [t.get_text() for t in ax.child_axes[0].get_yticklabels()]
    parts = player_parts(effects)
    assert shares[:2] == [f"{parts.share[i]:.0%}" for i in order[:2]]


def test_dots_of_a_row_keep_apart():
    x = torch.zeros(40, 1, dtype=torch.float64) + 1.0
    _, ax = beeswarm(ta.attribute("gradient_x_input", lambda z: z[:, 0], x), x)
    heights = ax.collections[0].get_offsets()[:, 1]
    assert len(np.unique(heights.round(9))) == 40 and np.abs(heights).max() <= 0.41


def test_bars_are_means_and_their_parts_add_up(effects):
    _, ax = importance(effects, k=2)
    alone, other = patches(ax, "alone:"), patches(ax, "interactions:")
    means = np.abs(player_parts(effects).scores).mean(0)
    order = np.argsort(-means)
    for player in order[:2]:
        width = alone[str(player)].get_width() + other[str(player)].get_width()
        assert width == pytest.approx(means[player])
        assert other[str(player)].get_width() / width == pytest.approx(player_parts(effects).share[player])
    assert "others" in alone
    written = " ".join(t.get_text() for t in ax.texts)
    assert f"{means[order[2:]].sum():.3g}" in written


def test_the_partner_is_the_strongest_and_grey_dots_are_own_effects(effects):
    figure, ax = dependence(effects, X, "age")
    dots = {c.get_gid(): c for c in ax.collections}
    parts = player_parts(effects)
    assert np.asarray(dots["scores"].get_offsets()) == pytest.approx(
        np.column_stack([X[:, 0], parts.scores[:, 0]])
    )
    assert np.asarray(dots["alone"].get_offsets()) == pytest.approx(np.column_stack([X[:, 0], 2 * X[:, 0]]))
    strengths, whole = parts.partners(0)
    triple = (3 * X[:, 0] * X[:, 1] * X[:, 3]).abs().mean() / 3
    assert strengths == pytest.approx([0.0, float(triple), 0.0, float(triple)]) and whole == pytest.approx(
        float(triple)
    )
    assert figure.axes[1].get_ylabel() == "sex"
    assert np.asarray(dots["scores"].get_array()) == pytest.approx(X[:, 1].numpy())
    figure, _ = dependence(effects, X, 0, partner="bmi")
    assert figure.axes[1].get_ylabel() == "bmi"


def test_words_are_places_on_the_axis(effects):
    frame = pandas.DataFrame(
        {"age": ["old", "young", "old"], "sex": ["f", "m", "f"], "bmi": [1, 2, 3], "pressure": 0}
    )
    figure, ax = dependence(effects, frame, "age", partner="sex")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["old", "young"]
    assert [t.get_text() for t in figure.axes[1].get_yticklabels()] == ["f", "m"]


def test_what_does_not_fit_is_named(effects):
    with pytest.raises(ShapeError, match=r"\(3, 4\)"):
        beeswarm(effects, X[:, :2])
    with pytest.raises(OptionError, match="give the inputs"):
        dependence(effects, None, "age")
    with pytest.raises(OptionError, match="no player is called 'height'"):
        dependence(effects, X, "height")
    with pytest.raises(OptionError, match="given a dict"):
        importance({})
    bad = results.attribution(5)
    bad.player_scores[0, 1] = float("nan")
    for draw in (waterfall, beeswarm, importance):
        with pytest.raises(NonFiniteError, match="1 of 5 scores"):
            draw(bad)

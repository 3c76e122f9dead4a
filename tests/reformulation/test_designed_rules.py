"""Designed rules beside their own ratio on effects, and wherever else a rule's name is taken."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import taylorattr as ta

X = torch.tensor([[0.7, -0.5, 0.8], [0.3, 0.6, -0.7]])
PLAYERS = ta.Players.elements(X, names=("a", "b", "c"))
WEIGHTS = {"c": 3, "a": 1, "b": 2}  # in another order than the players


def model(x):
    return torch.tanh(x[:, 0] * x[:, 1] / 2) + x[:, 2] ** 2 * x[:, 0] + x[:, 1]


def kinked(x):
    return torch.relu(x[:, 0] + x[:, 1]) * x[:, 2]


MAKERS = {
    "path": lambda: ta.design.power_path(WEIGHTS, "r_path"),
    "measure": lambda: ta.design.measure("beta:2,1", "r_measure"),
    "weights": lambda: ta.design.weighted_shapley(WEIGHTS, "r_weights"),
    "function": lambda: ta.design.rule("r_function", lambda S: [1 / len(S) ** 2] * len(S)),
    "named": lambda: ta.design.repair("gradient_x_input", "normalise", "r_named"),
    "projected": lambda: ta.design.repair("gradient_x_input", "project", "r_projected"),
    "fixed": lambda: ta.design.attributor("measure/beta", a=2, b=1),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_scores_are_the_sum_that_the_ratio_says(make):
    rule = make()
    found = ta.reformulate(rule, model, X, players=PLAYERS, order=8)
    assert found.rule == rule.name and bool(found.explained.all())
    assert (
        float(found.difference.abs().max()) <= 4e-5
    )  # the term of order 10, 2/15·0.175⁵, counted at most 1.8 times
    torch.testing.assert_close(found.matrix(1).sum(0), found.allocated.player_scores[1])


@pytest.mark.parametrize("name", ["weights", "function"])
def test_support_level_rules_need_no_series(name):
    found = ta.reformulate(MAKERS[name](), kinked, X, players=PLAYERS)
    assert isinstance(found.effects[0], ta.HarsanyiEffects) and bool(found.explained.all())
    assert float(found.difference.abs().max()) <= 1e-14


def test_sampled_scores_lie_within_their_standard_errors():
    rule = MAKERS["weights"]()
    found = ta.reformulate(rule, kinked, X, players=PLAYERS, way="samples", samples=400)
    assert "sampling" in found.errors and bool(found.explained.all())
    assert float(found.difference.abs().max()) > 1e-6  # it is not the exact table in disguise


def test_a_wrong_ratio_is_not_explained():
    rule = MAKERS["weights"]()
    other = ta.design.weighted_shapley({"c": 3, "a": 1, "b": 2.001}, "r_other")
    found = ta.reformulate(
        replace(rule, ways=other.ways, attributes=other.attributes), kinked, X, players=PLAYERS
    )
    assert bool(found.explained.all())  # ways and attributes of the other: the same scores as its own ratio
    found = ta.reformulate(
        replace(rule, rule=replace(rule.rule, symbolic=rule.rule.symbolic / 2)), kinked, X, players=PLAYERS
    )
    assert not bool(found.explained.all())


def test_coalitions_may_receive():
    found = ta.reformulate(ta.design.interaction("sii", 2, "r_pairs"), kinked, X, players=PLAYERS)
    assert isinstance(found.effects[0], ta.HarsanyiEffects) and bool(found.explained.all())
    assert found.names[-1] == "b × c"


def test_integer_inputs_have_effects_of_coalitions():
    tokens = torch.tensor([[3, 1, 2]])
    table = torch.arange(4.0) ** 2
    rule = ta.design.weighted_shapley([1, 2, 3], "r_tokens")
    found = ta.reformulate(rule, lambda t: table[t].prod(1), tokens, 0 * tokens + 1)
    assert bool(found.explained.all()) and float(found.difference.abs().max()) <= 1e-12


def test_what_cannot_be_rebuilt_is_refused():
    with pytest.raises(ta.errors.OptionError, match="transport"):
        ta.reformulate(MAKERS["weights"](), model, X, players=PLAYERS, frame="input")


def test_attributes_go_by_name_wherever_the_rule_is_taken():
    rule = MAKERS["weights"]()
    effects = ta.harsanyi(model, X, players=PLAYERS)
    pair = float(effects["b", "c"][0])
    shares = ta.allocate(rule, effects).player_scores
    torch.testing.assert_close(shares, rule.allocate(effects).player_scores)
    torch.testing.assert_close(shares, ta.attribute(rule, model, X, players=PLAYERS).player_scores.double())
    graph_effects = ta.graphs.allocated_effects(rule, effects)
    assert float(graph_effects["b", "c"][0]) == pytest.approx(pair)  # complete: all of it, once
    assert ta.check(rule).complete.holds and len(ta.check([rule, "shapley"]).reports) == 2
    with pytest.raises(ta.errors.OptionError, match="int is no allocation rule"):
        ta.allocate(3, effects)  # pyright: ignore[reportArgumentType]


def test_pictures_and_pages_take_the_results(tmp_path):
    rule = MAKERS["path"]()
    sums = ta.reformulate(rule, model, X, players=PLAYERS)
    ta.plot.allocation_flow(sums, ta.reformulate("shapley", model, X, players=PLAYERS))
    scores = ta.attribute(rule, model, X, players=PLAYERS)
    page = ta.report(
        tmp_path / "r.html", sums, scores, ta.check(rule), ta.audit(rule, model, X, players=PLAYERS)
    )
    text = page.read_text(encoding="utf-8")
    assert "r_path" in text
    sums.save(tmp_path / "sums.json")
    again = ta.Result.load(tmp_path / "sums.json")
    np.testing.assert_allclose(again.matrix(0), sums.matrix(0))

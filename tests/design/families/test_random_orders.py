"""Weighted, ordered and grouped sharing against sums over all orders with their probabilities."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.errors import OptionError, PlayerError
from tests.design.families.definitions import (
    by_stage,
    effects,
    game,
    groups_together,
    over_orders,
    owen,
    semivalue,
    shared_out,
    uniform_over,
    weighted_order,
)

F = Fraction


@pytest.mark.parametrize("seed", range(3))
def test_weighted_shapley_is_the_mean_over_its_orders(seed):
    weights = [F(1), F(5, 2), F(3), F(1, 4)]
    rule = ta.design.weighted_shapley(weights, name="test_weighted")
    v = game(4, seed)
    assert shared_out(rule, effects(v, 4), 4) == over_orders(v, 4, weighted_order(weights))


@pytest.mark.parametrize("stages", [(0, 1, 2, 3), (1, 0, 0, 2), (5, 5, -1, -1), (0, 0, 0, 0)])
def test_ordered_sharing_is_the_mean_over_orders_that_go_stage_by_stage(stages):
    rule = ta.design.ordered(stages, name="test_ordered")
    v = game(4, 7)
    assert shared_out(rule, effects(v, 4), 4) == over_orders(v, 4, uniform_over(4, by_stage(stages)))


@pytest.mark.parametrize("groups", [(1, 1, 2, 2), (1, 2, 1, 3), (0, 0, 0, 0), (1, 2, 3, 4), (2, 1, 1, 1)])
def test_owen_is_its_definition_and_the_mean_over_orders_that_keep_groups_together(groups):
    rule = ta.design.owen(groups, name="test_owen")
    v = game(4, 3)
    found = shared_out(rule, effects(v, 4), 4)
    assert found == owen(v, 4, groups)
    assert found == over_orders(v, 4, uniform_over(4, groups_together(groups)))


@pytest.mark.parametrize(
    "make", [ta.design.weighted_shapley, ta.design.ordered, ta.design.owen], ids=lambda make: make.__name__
)
def test_equal_attributes_are_shapley(make):
    rule = make([2, 2, 2], name="test_equal")
    for kappa in itertools.product(range(3), repeat=3):
        if any(kappa):
            size = sum(k > 0 for k in kappa)
            assert list(rule.ratio(kappa)) == [F(int(k > 0), size) for k in kappa]


@pytest.mark.parametrize(
    ("make", "values"),
    [(ta.design.weighted_shapley, [1, 2, 5]), (ta.design.ordered, [0, 1, 0]), (ta.design.owen, [1, 1, 2])],
    ids=["weighted_shapley", "ordered", "owen"],
)
def test_drawn_orders_end_every_coalition_as_the_ratio_says(make, values):
    rule = make(values, name="test_drawn")
    (way,) = [way for way in rule.ways if way.name == "samples"]
    count = 40_000
    joins = way.draw(np.random.default_rng(0), 3, count, rule.attributes.context(("a", "b", "c"), ""))
    assert (np.sort(joins, axis=1) == np.arange(3)).all()
    for kappa in itertools.product((0, 1), repeat=3):
        if any(kappa):
            last = np.where(np.array(kappa) > 0, joins, -1).argmax(axis=1)
            seen = np.bincount(last, minlength=3) / count
            share = np.array([float(w) for w in rule.ratio(kappa)])
            # 5 standard deviations of a frequency
            assert (np.abs(seen - share) <= 5 * np.sqrt(share * (1 - share) / count) + 1e-12).all()


def test_symmetrised_orders_are_shapley():
    chain = ta.design.ordered([0, 1, 2], name="test_chain")
    mean = ta.design.symmetrise(chain, name="test_mean")
    v = game(3, 1)
    assert shared_out(mean, effects(v, 3), 3) == semivalue(v, 3, [F(1, 3), F(1, 6), F(1, 3)])
    assert mean.recognised.name == "shapley"


def test_what_is_no_weight_is_refused():
    with pytest.raises(OptionError, match="positive"):
        ta.design.weighted_shapley([1, 0, 2], name="test_bad")
    with pytest.raises(OptionError, match="positive"):
        ta.design.weighted_shapley([1, -2], name="test_bad")
    with pytest.raises(OptionError, match="one number per player"):
        ta.design.ordered(["first", "second"], name="test_bad")
    with pytest.raises(OptionError, match="not finite"):
        ta.design.owen([1, float("nan")], name="test_bad")
    with pytest.raises(OptionError, match="empty"):
        ta.design.owen([], name="test_bad")


def test_players_are_matched_by_name():
    import torch

    rule = ta.design.ordered({"cause": 0, "effect": 1}, name="test_causal")
    x = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    first = ta.Players([[0], [1]], names=["cause", "effect"])
    turned = ta.Players([[0], [1]], names=["effect", "cause"])

    def product(y):
        return y[:, 0] * y[:, 1]

    assert rule(product, x, players=first).player_scores.tolist() == [[0, 6]]
    assert rule(product, x, players=turned).player_scores.tolist() == [[6, 0]]
    with pytest.raises(PlayerError, match="no attributes for the player 'x0'|no attributes for the player"):
        rule(product, x)
    wide = ta.design.ordered([0, 1, 2], name="test_three")
    with pytest.raises(PlayerError, match="3 players, and the analysis has 2"):
        wide(product, x)

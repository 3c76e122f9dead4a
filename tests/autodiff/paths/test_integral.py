"""Averaged gradients by pieces of a whole game: in parts, for several targets, within a limit."""

import pytest
import torch

from taylorattr import toys
from taylorattr.analysis.question import Question
from taylorattr.autodiff.paths import integral as path_integral
from taylorattr.autodiff.paths.integral import average_by_pieces
from taylorattr.autodiff.paths.operations import NotPiecewiseLinearError
from tests.methods.networks import Pooled, points, seeded

MLP = toys.mlp((5, 32, 32, 3), "relu", dtype=torch.float64)


def test_paths_walked_in_parts_give_the_same(monkeypatch):
    game = Question(seeded(Pooled()), points(3, 1, 7, 7), points(3, 1, 7, 7, seed=2), target=1).game
    whole = average_by_pieces(game, 1000)
    monkeypatch.setattr(path_integral, "_WALK_BYTES", 1)
    monkeypatch.setattr(path_integral, "_LEAST_ROWS", 20)
    parts = average_by_pieces(game, 1000)
    assert int(parts.pieces.sum()) > int(whole.pieces.sum()) > 100
    torch.testing.assert_close(whole.averages[0], parts.averages[0], rtol=0, atol=1e-14)


def test_examples_with_targets_of_their_own():
    x, b = points(7, 5), points(7, 5, seed=2)
    targets = [0, 2, 1, 2, 0, 0, 1]
    together = average_by_pieces(Question(MLP, x, b, target=targets).game, 1000)
    for e, target in enumerate(targets):
        alone = average_by_pieces(Question(MLP, x[e : e + 1], b[e : e + 1], target=target).game, 1000)
        assert int(alone.pieces) == int(together.pieces[e])
        torch.testing.assert_close(together.averages[0][e], alone.averages[0][0], rtol=0, atol=1e-14)


def test_examples_with_arguments_of_their_own():
    def model(x, shift):
        return (MLP(x) + shift[:, None] * x[:, :3]).relu().sum(1)

    x, shift = points(4, 5), points(4, seed=3)
    game = Question(model, x, additional_forward_args=(shift,)).game
    scores = (average_by_pieces(game, 1000).averages[0] * x).sum(1)
    torch.testing.assert_close(scores, game.delta, rtol=0, atol=1e-13)


def test_more_pieces_than_allowed_are_refused_at_once():
    game = Question(MLP, points(4, 5), target=0).game
    with pytest.raises(NotPiecewiseLinearError, match="more than 3 pieces per example"):
        average_by_pieces(game, 3)


def test_models_without_kinks_and_with_branches_are_named():
    with pytest.raises(NotPiecewiseLinearError, match="no kinks"):
        average_by_pieces(
            Question(toys.mlp((5, 4, 1), "tanh", dtype=torch.float64), points(1, 5), target=0).game, 9
        )

    def branching(x):
        return x.relu().sum(1) if float(x[0, 0]) > -100 else x.sum(1)

    with pytest.raises(NotPiecewiseLinearError, match="branches on values"):
        average_by_pieces(Question(branching, points(1, 5)).game, 9)


@pytest.mark.parametrize("floor", [2.0, 0.05])
def test_a_kink_of_one_number_for_all_elements(floor):
    """Its value has no dimension but that of the breakpoints; x is negative, so that b is the maximum."""
    x = -points(1, 5).abs()
    game = Question(lambda x: x.sum(1) / 2 + x.max().clamp_min(floor), x).game
    averages = average_by_pieces(game, 1000).averages[0]
    torch.testing.assert_close(averages, torch.full_like(x, 0.5), rtol=0, atol=1e-15)

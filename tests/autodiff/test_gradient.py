"""∇f at many rows, and sums over players."""

import pytest
import torch
from torch import nn

from taylorattr.analysis.game import sum_over_players
from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import gradient_rows, value_and_gradient
from tests.methods.networks import points


def test_values_and_gradients_of_tuple_inputs_with_targets_per_row():
    model = lambda a, b: torch.stack([a.prod(1), (b**2).sum(1)], 1)  # noqa: E731
    a, b = points(3, 2), points(3, 4)
    game = Question(model, (a, b), target=[0, 1, 0]).game
    values, (da, db) = value_and_gradient(game.scalar, (a, b), torch.arange(3))
    torch.testing.assert_close(values, torch.stack([a[0].prod(), (b[1] ** 2).sum(), a[2].prod()]))
    torch.testing.assert_close(da, torch.stack([a[0].flip(0), torch.zeros(2).double(), a[2].flip(0)]))
    torch.testing.assert_close(db, torch.stack([torch.zeros(4).double(), 2 * b[1], torch.zeros(4).double()]))


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(context):
    layer = nn.Linear(3, 1).double().eval()
    with context():
        x = points(2, 3)
        game = Question(layer, x, target=0).game
        _, (gradient,) = value_and_gradient(game.scalar, game.inputs, torch.arange(2))
    torch.testing.assert_close(gradient, layer.weight.detach().expand(2, 3))


def test_rows_per_pass_follow_the_user_and_the_width():
    wide, narrow = nn.Linear(3, 100_000), nn.Linear(3, 4)
    rows = [gradient_rows(Question(m.eval(), points(2, 3), target=0).game) for m in (wide, narrow)]
    assert 1 <= rows[0] < rows[1]
    assert gradient_rows(Question(narrow, points(2, 3), target=0, internal_batch_size=3).game) == 3


def test_sums_over_players_leave_unnamed_elements_out():
    a, b = points(2, 3), points(2, 2, 2)
    players = Players([[0, 3], [6], [2, 1]], rest="fixed")
    game = Question(lambda p, q: p.sum(1) + q.sum((1, 2)), (a, b), players=players).game
    expected = torch.stack([a[:, 0] + b[:, 0, 0], b[:, 1, 1], a[:, 1] + a[:, 2]], 1)
    torch.testing.assert_close(sum_over_players(game, (a, b)), expected)


def test_elements_in_another_order_are_their_own_players():
    x = points(2, 3)
    game = Question(lambda p: p.sum(1), x, players=[[2], [0], [1]]).game
    assert torch.equal(sum_over_players(game, (x,)), x[:, [2, 0, 1]])

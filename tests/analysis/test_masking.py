import itertools

import pytest
import torch
from torch import nn

from taylorattr.analysis.masking import CoalitionValues, coalition_bits, coalition_values
from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.errors import NonFiniteError, PlayerError
from tests.autodiff.networks import cnn, mlp, points

X = points(2, 4)


def by_definition(game, masks, example):
    """v(T) one by one, from the definition."""
    values = []
    for mask in masks:
        t = torch.tensor([[float(mask >> i & 1) for i in range(game.n)]], dtype=torch.float64)
        values.append(game.values(t, example)[0])
    return torch.stack(values).detach()


CLOSE = {"rtol": 1e-12, "atol": 1e-14}  # sums of a few dozen products of order one, added in another order


@pytest.mark.parametrize("size", [None, 1, 3, 16])
@pytest.mark.parametrize("example", [0, 1])
def test_full_table(size, example):
    game = Question(mlp(), X, 0.5, target=[1, 2]).game
    masks = torch.arange(16)
    values = coalition_values(game, masks, example, internal_batch_size=size)
    torch.testing.assert_close(values, by_definition(game, range(16), example), **CLOSE)
    torch.testing.assert_close(
        values[[0, 15]], torch.stack([game.f_baseline, game.f_input])[:, example], **CLOSE
    )
    assert not values.requires_grad


def test_any_order_of_masks_and_bool_tables():
    game = Question(mlp(6, 1), points(1, 6)).game
    sizes = [sum(1 << i for i in s) for k in range(4) for s in itertools.combinations(range(6), k)]
    expected = by_definition(game, sizes, 0)
    torch.testing.assert_close(coalition_values(game, torch.tensor(sizes), 0), expected, **CLOSE)
    bits = coalition_bits(torch.tensor(sizes), 6)
    torch.testing.assert_close(coalition_values(game, bits, 0), expected, **CLOSE)


def test_bits():
    assert coalition_bits(torch.tensor([0, 5]), 3).tolist() == [[False] * 3, [True, False, True]]


def test_players_given_in_another_order_than_the_elements():
    game = Question(
        lambda x: x @ torch.tensor([1.0, 10, 100, 1000]), torch.ones(1, 4), players=[[3], [2], [1], [0]]
    ).game
    assert coalition_values(game, torch.tensor([1, 2, 4, 8]), 0).tolist() == [1000, 100, 10, 1]


def test_tuple_inputs_token_ids_and_rest():
    torch.manual_seed(0)
    embedding = nn.Embedding(5, 3)

    def model(ids, x):
        return (embedding(ids).sum(1) * x).sum(1)

    inputs = (torch.tensor([[1, 2], [3, 4]]), points(2, 3))
    players = Players([[0], [1, 2], [4]], rest="fixed")
    game = Question(model, inputs, (0, None), players=players, integers_allowed=True).game
    values = coalition_values(game, torch.arange(8), 1)
    torch.testing.assert_close(values, by_definition(game, range(8), 1), **CLOSE)


def test_more_players_than_an_integer_has_bits():
    game = Question(lambda x: x.sum(1), torch.ones(1, 70)).game
    bits = torch.eye(70, dtype=torch.bool)[:5]
    assert coalition_values(game, bits, 0).tolist() == [1] * 5
    with pytest.raises(PlayerError, match=r"70 players do not fit an int64 mask; pass masks as a bool table"):
        coalition_values(game, torch.arange(4), 0)


def test_progress_counts_every_coalition():
    done = []
    coalition_values(
        Question(mlp(), X, target=0).game, torch.arange(16), 0, internal_batch_size=5, progress=done.append
    )
    assert done == [5, 5, 5, 1]


def test_no_coalitions():
    assert coalition_values(Question(mlp(), X, target=0).game, torch.arange(0), 0).shape == (0,)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (torch.tensor([16]), r"masks hold 16; expected 0 … 2\*\*4 − 1"),
        (torch.tensor([-1]), "masks hold"),
        (torch.tensor([1.0]), r"int64 \(R,\) or bool \(R, 4\)"),
        (torch.zeros(2, 3, dtype=torch.bool), r"bool of shape \(2, 3\)"),
    ],
)
def test_masks_that_do_not_fit(masks, message):
    with pytest.raises(PlayerError, match=message):
        coalition_values(Question(mlp(), X, target=0).game, masks, 0)


def test_a_coalition_without_a_finite_value_is_named():
    def model(x):
        return 1 / (x[:, 0] - x[:, 1] + 1) + x[:, 2]

    game = Question(
        model, torch.tensor([[2.0, 1.0, 1.0]]), players=Players([[0], [1], [2]], ["a", "b", "c"])
    ).game
    with pytest.raises(NonFiniteError, match=r"inf for example 0 with the players {b} at"):
        coalition_values(game, torch.arange(8), 0)


def test_rows_follow_memory():
    narrow, wide = Question(mlp(), X, target=0).game, Question(mlp(hidden=40_000), X, target=0).game
    assert CoalitionValues(narrow, 0).rows == 8192
    assert CoalitionValues(wide, 0).rows == 16
    assert CoalitionValues(Question(mlp(), X, target=0, internal_batch_size=7).game, 0).rows == 7


def test_convolutional_network_in_patches():
    x = points(2, 1, 6, 6)
    game = Question(cnn(), x, 0.3, target=1, players=Players.grid(x, (2, 3))).game
    values = coalition_values(game, torch.arange(64), 1)
    torch.testing.assert_close(values, by_definition(game, range(64), 1), **CLOSE)

"""One output of a model, and the game of the players at one row."""

import numpy as np
import torch
from torch import nn

import taylorattr as ta
from taylorattr.compat.adapters.wrapped_model import OneInput, OneOutput, games
from tests.methods.networks import points


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = 0

    def forward(self, x):
        self.rows += len(x)
        return torch.stack([x.prod(1), x.sum(1) ** 2], dim=1)


def test_values_are_those_of_the_masked_rows_and_idle_players_cost_nothing():
    model, x, b = Counting(), points(1, 4, seed=1), points(1, 4, seed=2)
    x[0, 3] = b[0, 3]
    players = ta.Players([[0, 1], [2], [3]])
    (game,) = games(OneOutput(model, 1, x), x, b, players)
    masks = (np.arange(8)[:, None] >> np.arange(3) & 1).astype(bool)
    found = game(masks)
    present = torch.from_numpy(masks)[:, [0, 0, 1, 2]]
    assert np.array_equal(found, (torch.where(present, x, b).sum(1) ** 2).double().numpy())
    assert model.rows == 4  # the last player stands at its baseline
    assert game(masks[3]) == found[3]


def test_elements_of_no_player_stay_as_they_are_in_the_row():
    x, b = points(2, 3, seed=1), points(1, 3, seed=2)
    for row, game in zip(
        x, games(OneOutput(Counting(), 0, x), x, b, ta.Players([[0]], rest="fixed")), strict=True
    ):
        assert np.allclose(game(np.array([[False]])), float(b[0, 0] * row[1] * row[2]))


def test_rows_of_another_precision_are_converted():
    model = OneOutput(nn.Linear(3, 2).double(), 1, points(1, 3, seed=1).double())
    assert model(points(5, 3, seed=1).float()).shape == (5, 1)


def test_several_inputs_become_one_and_come_apart_again():
    x, y = points(3, 4, seed=1), points(3, 6, seed=2).reshape(3, 2, 3)
    model = OneInput(TwoInputs(), [(4,), (2, 3)])
    joined = OneInput.joined((x, y))
    assert joined.shape == (3, 10)
    assert all(torch.equal(a, b) for a, b in zip(model.split(joined), (x, y), strict=True))
    assert torch.equal(model(joined), TwoInputs()(x, y))


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return (x.sum(1) * y[:, 0, 1])[:, None]

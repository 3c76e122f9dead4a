import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taylorattr.analysis.question import Question
from taylorattr.errors import (
    InputMutationError,
    NondeterministicModelError,
    NonFiniteError,
    ShapeError,
)
from tests.autodiff.networks import mlp, points

X = points(3, 4)
NET = mlp(outputs=1)


def counted():
    calls = iter(range(1000))
    return lambda x: x.sum(1) + next(calls)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: F.dropout(x, 0.5, training=True).sum(1),
        lambda x: x.sum(1) + torch.rand(1),
        lambda x: x.sum(1) + np.random.rand(),
        lambda x: x.sum(1) + random.random(),
        counted(),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_models_that_are_random_or_keep_state(model, batch):
    torch.manual_seed(0)  # two dropout masks of four elements are the same once in a few hundred times
    with pytest.raises(NondeterministicModelError, match="for the same input: it draws random numbers"):
        _ = Question(model, X[:batch]).game


@pytest.mark.parametrize("batch", [1, 3, 80])
@pytest.mark.parametrize("rows", [None, 2, 3])
def test_a_model_that_treats_rows_by_their_position_is_refused(batch, rows):
    def by_position(x):
        return x.sum(1) * torch.arange(1, len(x) + 1)

    with pytest.raises(ShapeError, match="factors by position do that; make every row independent"):
        _ = Question(by_position, points(batch, 4), internal_batch_size=rows).game


def test_a_model_that_seeds_itself_is_a_function():
    def seeded(x):
        torch.manual_seed(0)
        return x.sum(1) + torch.rand(1)

    state = torch.get_rng_state()
    game = Question(seeded, X).game
    game.values(torch.ones(2, 4), 0)
    assert torch.equal(torch.get_rng_state(), state)


def add_in_place(x):
    x += 1
    return x.sum(1)


def write_through_numpy(x):
    x.numpy()[:] = 0
    return x.sum(1)


@pytest.mark.parametrize(
    "model", [add_in_place, write_through_numpy, nn.Sequential(nn.ReLU(inplace=True), mlp(outputs=1)).eval()]
)
def test_models_that_write_to_their_input(model):
    with pytest.raises(InputMutationError, match="the model writes to inputs .*x.clone"):
        _ = Question(model, X).game


def test_the_mutated_tensor_is_named():
    def second(a, b):
        b.mul_(2)
        return a.sum(1) + b.sum(1)

    with pytest.raises(InputMutationError, match=r"inputs\[1\]"):
        _ = Question(second, (X, X)).game


@pytest.mark.parametrize(
    "model",
    [
        lambda x: NET(x) - NET(x).mean(0, keepdim=True),
        lambda x: NET(x).softmax(0),
        lambda x: NET(x) * x.shape[0],
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_rows_that_depend_on_each_other(model, batch):
    with pytest.raises(ShapeError, match="depends on the other rows of its batch"):
        _ = Question(model, X[:batch]).game


def test_a_model_that_fails_on_one_row():
    norm = nn.BatchNorm1d(4, track_running_stats=False).eval()
    with pytest.raises(ShapeError, match="but not on one row alone.*track_running_stats"):
        _ = Question(lambda x: norm(x).sum(1), X).game


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: x.sum(), r"shape \(\) for a batch"),
        (lambda x: NET(x).sum(0), r"shape \(1,\) for a batch"),
        (lambda x: NET(x).mean(0, keepdim=True), r"shape \(1, 1\) for a batch"),
    ],
)
def test_outputs_without_batch_dimension(model, message):
    with pytest.raises(ShapeError, match=message):
        _ = Question(model, X).game


@pytest.mark.parametrize(
    "model", [lambda x: x.sum(), lambda x: NET(x).sum(0), lambda x: NET(x).sum(0, keepdim=True)]
)
def test_also_with_one_example(model):
    with pytest.raises(ShapeError, match="for a batch of 2"):
        _ = Question(model, X[:1]).game


def test_squeezed_outputs_are_fine():
    assert Question(lambda x: NET(x).squeeze(), X[:1]).game.f_input.shape == (1,)


def test_non_finite_outputs_name_the_example_and_the_side():
    x = torch.tensor([[1.0], [-1.0]])
    with pytest.raises(NonFiniteError, match="output is nan at the input of example 1"):
        _ = Question(lambda z: z.sqrt().sum(1), x, 4.0).game
    with pytest.raises(NonFiniteError, match="output is -inf at the baseline of example 0"):
        _ = Question(lambda z: z.abs().log().sum(1), x).game


def test_values_do_not_depend_on_the_internal_batch_size():
    whole = Question(NET, X).game
    parts = Question(NET, X, internal_batch_size=1).game
    torch.testing.assert_close(whole.f_input, parts.f_input, rtol=1e-14, atol=0)  # other kernels round alike
    torch.testing.assert_close(whole.f_baseline, parts.f_baseline, rtol=1e-14, atol=0)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        lambda x: NET(x).cumsum(0),
        lambda x: NET(x) * torch.arange(1, len(x) + 1).to(x)[:, None],
        lambda x: NET(x).flip(0),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_rows_whose_place_matters(model, batch, later):
    with pytest.raises(ShapeError, match="depends on the other rows of its batch.*by position"):
        _ = Question(model, X[:batch], 1.0, input_later=later).game.f_input


class Counting:
    """A network that notes how many rows each call has."""

    def __init__(self):
        self.rows = []

    def __call__(self, x):
        self.rows.append(len(x))
        return x.exp().sum(1)


def test_equal_baselines_are_evaluated_once():
    model = Counting()
    game = Question(model, X, 0.5).game
    assert model.rows == [1, 3 + 1, 2, 1]  # the last two: every example in another batch
    torch.testing.assert_close(game.f_baseline, torch.full((3,), 4 * np.exp(0.5)).double())
    other = Counting()
    assert torch.equal(Question(other, X, X + 1).game.f_baseline, (X + 1).double().exp().sum(1))
    assert other.rows == [1, 3 + 3, 2, 1]


def test_values_handed_in_replace_a_run_on_the_inputs():
    model = Counting()
    game = Question(model, X, 0.5, input_later=True).game
    assert model.rows == [2]
    values = game.inputs[0].exp().sum(1)
    game.outputs.settle(values)
    assert torch.equal(game.f_input, values) and model.rows == [2, 2, 1]


def test_without_values_handed_in_the_inputs_are_run_when_asked_for():
    model = Counting()
    game = Question(model, X, 0.5, input_later=True).game
    assert torch.equal(game.f_input, X.double().exp().sum(1)) and model.rows == [2, 3, 2, 1]


@pytest.mark.parametrize("later", [False, True])
def test_baselines_that_differ_are_all_checked(later):
    starts = torch.ones(3, 4)
    starts[2, 0] = -1.0
    with pytest.raises(NonFiniteError, match=r"output is nan at the baseline of example 2 \(1 of 3"):
        _ = Question(lambda x: x.sqrt().sum(1), X.abs(), starts, input_later=later).game


def test_values_handed_in_are_checked_like_a_run():
    def game():
        return Question(Counting(), X, 0.5, input_later=True).game

    values = X.double().exp().sum(1)
    with pytest.raises(NonFiniteError, match="output is nan at the input of example 1"):
        game().outputs.settle(torch.stack([values[0], values[1] * torch.nan, values[2]]))
    with pytest.raises(ShapeError, match="depends on the other rows"):
        game().outputs.settle(values + 0.1)


@pytest.mark.parametrize("model", [lambda x: x.sum(1) + np.random.rand(), counted()])
def test_random_models_are_seen_when_values_are_handed_in(model):
    with pytest.raises(NondeterministicModelError, match="for the same input"):
        game = Question(model, X, input_later=True).game
        game.outputs.settle(model(game.inputs[0]))


MIXING = [
    lambda x: NET(x).cumsum(0),
    lambda x: NET(x) * torch.arange(1, len(x) + 1).to(x)[:, None],
    lambda x: NET(x).flip(0),
    lambda x: NET(x).roll(1, 0),
    lambda x: NET(x - x.mean(0)),
]


@pytest.mark.parametrize("model", MIXING)
@pytest.mark.parametrize("batch", [1, 2, 3, 4])
@pytest.mark.parametrize("later", [{}, {"input_later": True}, {"input_later": True, "baseline_later": True}])
def test_mixed_rows_are_seen_in_every_batch(model, batch, later):
    with pytest.raises(ShapeError, match="depends on the other rows of its batch"):
        game = Question(model, points(batch, 4), 1.0, dtype=None, **later).game
        game.outputs.settle(model(game.inputs[0])[:, 0])


@pytest.mark.parametrize("rows", [2, 3, 4])
@pytest.mark.parametrize("batch", [2, 3])
def test_reversed_rows_are_seen_in_every_block(rows, batch):
    with pytest.raises(ShapeError, match="depends on the other rows of its batch"):
        _ = Question(lambda x: NET(x).flip(0), points(batch, 4), 1.0, internal_batch_size=rows).game


@pytest.mark.parametrize("batch", [2, 3])
def test_reversed_rows_are_seen_without_a_baseline(batch):
    with pytest.raises(ShapeError, match="depends on the other rows of its batch"):
        _ = Question(lambda x: NET(x).flip(0), points(batch, 4)).point


def test_both_ends_handed_in_leave_one_row_to_try():
    model = Counting()
    game = Question(model, X, 0.5, input_later=True, baseline_later=True).game
    start = game.baselines[0][:1].exp().sum(1)
    game.outputs.settle_baseline(start)
    game.outputs.settle(game.inputs[0].exp().sum(1))
    assert model.rows == [1, 2, 1]
    assert torch.equal(game.f_baseline, start.expand(3))
    with pytest.raises(NonFiniteError, match="output is nan at the baseline of example 2"):
        Question(Counting(), X, 0.5, input_later=True, baseline_later=True).game.outputs.settle_baseline(
            torch.tensor([1.0, 2.0, torch.nan])
        )


def test_ends_that_nobody_hands_in_are_run_when_asked_for():
    model = Counting()
    game = Question(model, X, X + 1, input_later=True, baseline_later=True).game
    assert torch.equal(game.f_baseline, (X + 1).double().exp().sum(1)) and model.rows == [1, 3]
    assert torch.equal(game.f_input, X.double().exp().sum(1)) and model.rows == [1, 3, 3, 2, 1]


def test_the_first_example_that_is_not_finite_is_named_whichever_was_tried():
    with pytest.raises(NonFiniteError, match=r"output is nan at the input of example 0 \(3 of 3"):
        _ = Question(lambda x: x.sqrt().sum(1), -1 - X.abs(), 4.0, input_later=True, baseline_later=True).game


@pytest.mark.parametrize("model", [lambda x: x.sum(1) + np.random.rand(), counted()])
def test_random_models_are_seen_when_both_ends_are_handed_in(model):
    with pytest.raises(NondeterministicModelError, match="for the same input"):
        game = Question(model, X, input_later=True, baseline_later=True).game
        game.outputs.settle(model(game.inputs[0]))


def test_a_model_that_takes_no_single_row_is_tried_on_two():
    def pairs(x):
        if len(x) == 1:
            raise RuntimeError("more than one row is needed")
        return x.exp().sum(1)

    game = Question(pairs, X, 0.5, input_later=True, baseline_later=True).game
    game.outputs.settle(game.inputs[0].exp().sum(1))
    assert torch.equal(game.f_baseline, game.baselines[0].exp().sum(1))

import copy
import random
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.errors import DtypeError, OptionError, PlayerError, ZeroDifferenceWarning
from tests.autodiff.networks import cnn, mlp, points

X = points(3, 4)


def in_float64(net):
    return copy.deepcopy(net).double()


def test_ends_are_f_of_input_and_baseline():
    net = mlp()
    baselines = points(3, 4, seed=2)
    game = Question(net, X, baselines, target=[0, 1, 2]).game
    rows = torch.arange(3)
    assert (game.batch, game.n, game.names) == (3, 4, ("x0", "x1", "x2", "x3"))
    # the game evaluates inputs and baselines in one batch, whose kernels may round the last bits otherwise
    close = {"rtol": 1e-14, "atol": 1e-15}
    torch.testing.assert_close(game.f_input, in_float64(net)(X.double())[rows, rows], **close)
    torch.testing.assert_close(game.f_baseline, in_float64(net)(baselines.double())[rows, rows], **close)
    assert torch.equal(game.delta, game.f_input - game.f_baseline)


@given(
    st.lists(st.integers(0, 3), min_size=4, max_size=4), st.lists(st.floats(-2, 2), min_size=4, max_size=4)
)
def test_points_move_each_player_along_its_direction(mask, t):
    game = Question(lambda x: x.sin().sum(1), X, points(1, 4, seed=2), players=torch.tensor(mask)).game
    t = torch.tensor([t[: game.n]], dtype=torch.float64)
    (point,) = game.points(t, 1)
    (base,), (directions,) = game.baseline(1), game.directions(1)
    torch.testing.assert_close(
        point, base + t @ directions, rtol=1e-14, atol=1e-14
    )  # rounding of one product
    torch.testing.assert_close(game.values(t, 1), point.sin().sum(1), rtol=0, atol=0)


@given(st.integers(0, 15))
def test_corners_are_exact(coalition):
    game = Question(lambda x: x.sum(1), 1e8 * X, points(1, 4, seed=2)).game
    bits = torch.tensor([[coalition >> i & 1 for i in range(4)]])
    (point,) = game.points(bits.double(), 0)
    assert torch.equal(point[0], torch.where(bits[0] == 1, game.inputs[0][0], game.baselines[0][0]))


def test_batch_equals_loop():
    net = mlp()
    t = torch.rand(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together = Question(net, X, 0.1, target=[2, 0, 1]).game
    for example, target in enumerate([2, 0, 1]):
        alone = Question(net, X[example : example + 1], 0.1, target=target).game
        torch.testing.assert_close(together.values(t, example), alone.values(t, 0), rtol=1e-14, atol=1e-15)
        torch.testing.assert_close(together.delta[example], alone.delta[0], rtol=1e-13, atol=1e-15)


def test_tuple_inputs_and_players_across_them():
    def model(a, b):
        return (a * b.flatten(1)[:, :3]).sum(1) + b[:, 1, 1]

    a, b = points(2, 3), points(2, 2, 2, seed=3)
    players = Players([[0, 3], [1, 2], [4, 5, 6]], ["one", "two", "three"])
    game = Question(model, (a, b), (None, 0.5), players=players).game
    first, second = game.directions(1)
    assert first.shape == (3, 3) and second.shape == (3, 2, 2)
    assert torch.equal(first.sum(0), a[1].double()) and torch.equal(second.sum(0), b[1].double() - 0.5)
    assert first[0].tolist() == [float(a[1, 0]), 0, 0] and second[2, 0, 0] == 0
    t = torch.tensor([[1.0, 0, 0], [0, 0, 1]], dtype=torch.float64)
    pa, pb = game.points(t, 1)
    assert torch.equal(game.values(t, 1), model(pa, pb))
    assert torch.equal(
        pb[1], torch.tensor([[0.5, b[1, 0, 1]], [b[1, 1, 0], b[1, 1, 1]]], dtype=torch.float64)
    )


@pytest.mark.parametrize(("rest", "value"), [("fixed", "input"), ("baseline", "baseline")])
def test_unnamed_elements_stay_where_rest_says(rest, value):
    net = mlp()
    game = Question(net, X, 2.0, target=0, players=Players([[0], [2]], rest=rest)).game
    t = torch.tensor([[0.0, 0], [1, 1], [0.3, 0.7]], dtype=torch.float64)
    (point,) = game.points(t, 0)
    held = X[0, [1, 3]].double() if value == "input" else torch.tensor([2.0, 2], dtype=torch.float64)
    assert torch.equal(point[:, [1, 3]], held.expand(3, 2))
    torch.testing.assert_close(
        game.values(t[:2], 0), torch.stack([game.f_baseline[0], game.f_input[0]]), rtol=1e-13, atol=0
    )
    (direction,) = game.directions(0)
    assert not direction[:, [1, 3]].any()
    assert X.dtype is torch.float32 and torch.equal(X, points(3, 4)), "the user's tensor is not written"


def test_images_in_patches():
    x = points(2, 1, 6, 6)
    game = Question(cnn(), x, target=1, players=Players.grid(x, (2, 2))).game
    assert game.n == 4 and game.names[3] == "patch[1,1]"
    assert game.directions(0)[0].shape == (4, 1, 6, 6)


def test_one_player():
    game = Question(mlp(), X, target=0, players=[[0, 1, 2, 3]]).game
    assert game.n == 1
    ends = game.values(torch.tensor([[0.0], [1.0]]), 0)
    torch.testing.assert_close(ends, torch.stack([game.f_baseline[0], game.f_input[0]]), rtol=1e-13, atol=0)


def test_values_are_differentiable():
    game = Question(lambda x: (x**3).sum(1), X).game
    t = torch.full((1, 4), 0.5, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(game.values(t, 0).sum(), t)
    torch.testing.assert_close(gradient[0], 3 * 0.25 * X[0].double() ** 3, rtol=1e-14, atol=0)  # d/dt (tx)³


def token_model():
    torch.manual_seed(0)
    embedding = nn.Embedding(10, 3)
    return lambda ids: embedding(ids).prod(1).sum(1)


def test_token_ids_move_between_input_and_baseline_only():
    ids, pad = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.zeros(1, 3, dtype=torch.long)
    model = token_model()
    game = Question(model, ids, pad, integers_allowed=True).game
    (point,) = game.points(torch.tensor([[1.0, 0, 1]]), 1)
    assert point.tolist() == [[4, 0, 6]] and point.dtype is torch.long
    torch.testing.assert_close(game.f_input, model(ids).double(), rtol=1e-6, atol=0)  # float32 rounding
    with pytest.raises(DtypeError, match="take only t = 0"):
        game.values(torch.tensor([[0.5, 0, 1]]), 0)
    with pytest.raises(DtypeError, match="embeddings"):
        game.directions(0)


def test_integer_inputs_name_the_remedy():
    with pytest.raises(
        DtypeError, match=r"inputs is torch.int64; derivative methods.*embeddings.*ta.harsanyi"
    ):
        _ = Question(token_model(), torch.tensor([[1, 2]])).game
    with pytest.raises(DtypeError, match="explicit integer baseline"):
        _ = Question(token_model(), torch.tensor([[1, 2]]), integers_allowed=True).game


def test_equal_input_and_baseline_is_said():
    x = X.clone()
    x[1] = 0
    with pytest.warns(
        ZeroDifferenceWarning, match="input equals baseline in example 1: every effect there is zero"
    ):
        game = Question(mlp(), x, target=0).game
    assert game.diagnostics["zero_difference"] == [1] and game.delta[1] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = Question(mlp(), x, target=0).point


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"internal_batch_size": 0}, OptionError, "internal_batch_size=0"),
        ({"dtype": torch.int64}, OptionError, "floating-point dtype"),
        ({"players": [[0]]}, PlayerError, "leave out elements 1"),
    ],
)
def test_options_out_of_range(options, error, message):
    with pytest.raises(error, match=message):
        _ = Question(mlp(), X, target=0, **options).game


def test_float32_when_asked():
    game = Question(mlp(), X, target=0, dtype=torch.float32).game
    assert game.dtype is game.f_input.dtype is game.inputs[0].dtype is torch.float32


def test_inside_inference_mode():
    with torch.inference_mode():
        game = Question(mlp(), torch.ones(1, 4), target=0).game
    assert not game.inputs[0].is_inference() and not game.f_input.is_inference()


class Fragile(nn.Module):
    """A network with everything that could be disturbed, that can be told to fail."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(1))
        self.layer.weight.requires_grad_(False)
        self.failure, self.countdown = None, 10**6

    def forward(self, x):
        self.calls.zero_()
        hidden = self.drop(self.norm(self.layer(x)))
        self.countdown -= 1
        if self.countdown <= 0 and self.failure is not None:
            raise self.failure("half way")
        return hidden.sum(1)


def everything(model, x):
    np.random.rand()
    return {
        "state": {k: v.clone() for k, v in model.state_dict().items()},
        "mode": [m.training for m in model.modules()],
        "flags": [p.requires_grad for p in model.parameters()],
        "grads": [p.grad for p in model.parameters()],
        "hooks": [{k: list(v) for k, v in vars(m).items() if k.endswith("hooks")} for m in model.modules()],
        "attributes": [set(vars(m)) for m in model.modules()],
        "versions": [t._version for t in (*model.parameters(), *model.buffers(), x)],
        "input": x.clone(),
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "grad enabled": torch.is_grad_enabled(),
    }


def assert_same(before, after):
    assert before.keys() == after.keys()
    for key, value in before.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, after[key]), key
        elif key == "state":
            assert all(torch.equal(value[k], after[key][k]) for k in value)
        else:
            assert value == after[key], key


@pytest.mark.parametrize("failure", [None, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("countdown", [1, 2, 3])
@pytest.mark.filterwarnings("ignore::taylorattr.errors.TrainingModeWarning")
def test_the_users_model_is_untouched_whatever_happens(failure, countdown):
    torch.manual_seed(0)
    model, x = Fragile(), points(3, 4)
    model.layer.register_forward_hook(lambda module, args, output: output + torch.rand(1) * 0)
    model.failure, model.countdown = failure, countdown
    numpy_state = np.random.get_state()
    before = everything(model, x)
    np.random.set_state(numpy_state)
    raised = None
    try:
        game = Question(model, x).game
        game.values(torch.rand(2, 4, generator=torch.Generator().manual_seed(0)), 0)
    except BaseException as error:
        raised = type(error)
    if failure is not None:
        assert raised is not None and (issubclass(raised, failure) or countdown > 1)
    else:
        assert raised is None
    assert_same(before, everything(model, x))
    assert model.countdown == countdown, "only the copy ran"

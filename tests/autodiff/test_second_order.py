import pytest
import torch
from torch import nn

from taylorattr.analysis.question import Question
from taylorattr.autodiff import second_order
from taylorattr.autodiff.captured import capture_at
from taylorattr.autodiff.hessian import player_rows, player_sum
from taylorattr.autodiff.second_order import gradients, hessian_sum
from taylorattr.program.program import Program

from .networks import cnn, mlp, points
from .test_hvp import Attention

CLOSE = {"rtol": 1e-11, "atol": 1e-13}  # float64 rounding of passes through a small network
MEMORY = 10**9


def two_inputs(a, b):
    return (a.sum(1) * b.flatten(1).sum(1)).sin() + (b**3).flatten(1).sum(1)


def turned(x):
    z = (x.flatten(1) @ MATRIX).T
    return (z * z.sin()).sum(0)


MATRIX = points(12, 3).double()
CASES = {
    "mlp": (lambda: mlp(), (points(1, 4),)),
    "narrow": (lambda: mlp(inputs=20, hidden=5), (points(1, 20),)),  # 5 pre-activations of 20 inputs
    "two narrow layers": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 30), nn.Linear(30, 3), nn.Tanh(), nn.Linear(3, 3)),
        (points(1, 3, 4),),
    ),
    "turned": (lambda: turned, (points(1, 6, 2).double(),)),  # the affine values do not have the batch first
    "linear": (lambda: nn.Linear(4, 3), (points(1, 4),)),
    "cnn": (lambda: cnn(), (points(1, 1, 6, 6),)),
    "attention": (lambda: Attention(), (points(1, 3, 8),)),
    "two inputs": (lambda: two_inputs, (points(1, 2).double(), points(1, 2, 2).double())),
}


def by_autograd(game, weights, s):
    """Σ_r w_r ∇²f̃(s_r·1) and the gradients there, entry by entry from f̃ itself."""

    def f(t):
        return game.values(t[None], 0)[0]

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        spots = [torch.full((game.n,), float(x), dtype=torch.float64) for x in s]
        matrices = [torch.autograd.functional.hessian(f, t) for t in spots]
        slopes = [torch.autograd.functional.jacobian(f, t) for t in spots]
    return sum(w * m for w, m in zip(weights, matrices, strict=True)), torch.stack(slopes)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("way", ["dense", "chunks", "rows=1", "rows=7", "little memory"])
def test_equals_nested_autograd(name, way, monkeypatch):
    if way in ("chunks", "little memory"):
        monkeypatch.setattr(second_order, "MANY_PLAYERS", 0)
        monkeypatch.setattr(second_order, "ROWS", (3, 3))
    make, inputs = CASES[name]
    model = make()
    target = None if model in (two_inputs, turned) else 0
    game = Question(model.eval() if isinstance(model, nn.Module) else model, inputs, 0.1, target=target).game
    program = capture_at(game.scalar, game.baseline(0), 0, game.input(0))
    assert isinstance(program, Program)
    s, weights = torch.tensor([0.2, 0.7, 1.0]).double(), torch.tensor([0.5, -1.0, 2.0]).double()
    spots = game.points(s[:, None].expand(-1, game.n), 0)
    collect = player_sum(game, 0)
    matrix, slopes = hessian_sum(
        program,
        spots,
        weights,
        game.n,
        player_rows(game, 0),
        collect,
        memory_limit=1 if way == "little memory" else MEMORY,
        rows=int(way[5:]) if way.startswith("rows") else None,
    )
    expected, gradient = by_autograd(game, weights, s)
    torch.testing.assert_close(matrix, expected, **CLOSE)
    torch.testing.assert_close(slopes, gradient, **CLOSE)
    torch.testing.assert_close(gradients(program, spots, collect), gradient, **CLOSE)


def test_a_narrow_affine_start_is_walked_in_place_of_the_inputs():
    game = Question(mlp(inputs=20, hidden=5), points(1, 20), target=0).game
    plan = second_order.lowered(capture_at(game.scalar, game.baseline(0), 0), game.baseline(0))
    split = second_order._affine_start(plan, 15)
    assert plan.steps[split - 1].shape == (1, 5)
    assert second_order._affine_start(plan, 4) is None


def test_a_skip_around_the_first_layer_is_no_affine_start():
    layer = mlp(inputs=20, hidden=5, outputs=20)

    def f(x):
        return (layer(x) * x).sum(1)

    game = Question(f, points(1, 20)).game
    plan = second_order.lowered(capture_at(game.scalar, game.baseline(0), 0), game.baseline(0))
    assert second_order._affine_start(plan, 15) is None

"""∫∇f of piecewise linear models: complete, and equal to many small steps."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from taylorattr import toys
from taylorattr.autodiff.paths.grid import TooManyPiecesError
from taylorattr.autodiff.paths.operations import NotPiecewiseLinearError
from taylorattr.autodiff.paths.pieces import integrated_gradient
from taylorattr.program.capture import capture
from tests.methods.networks import Pooled, Residual, points, seeded

WEIGHTS = points(36, seed=9)
MLP = toys.mlp((36, 16, 16, 1), "relu", dtype=torch.float64)
RESIDUAL, POOLED = seeded(Residual()), seeded(Pooled())
PRELU = seeded(nn.Sequential(nn.Conv2d(1, 3, 3), nn.PReLU(3), nn.Flatten(), nn.Linear(48, 1)))


def weighted(z):
    """Weigh all elements of (R, …) and add them."""
    flat = z.flatten(1)
    return flat @ WEIGHTS[: flat.shape[1]]


def masked_later(z):
    """Change the weight of a ReLU by a mask that is looked at behind it."""
    h = z.relu()
    return weighted(torch.where(z > 0.5, 2 * h - 0.5, h))


FUNCTIONS = {
    "mlp": lambda z: MLP(z.flatten(1))[:, 0],
    "residual": lambda z: RESIDUAL(z)[:, 0],
    "pooled": lambda z: POOLED(F.pad(z, (0, 1, 0, 1)))[:, 0],
    "prelu": lambda z: PRELU(z)[:, 0],
    "two bends": lambda z: weighted(F.relu6(4 * F.leaky_relu(z, 0.2) - 1)),
    "clamp": lambda z: weighted(z.clamp(-0.3, 0.4).cumsum(2).abs()),
    "softshrink": lambda z: weighted(F.softshrink(z.cumsum(2), 0.3)).abs(),
    "hardsigmoid": lambda z: weighted(F.hardsigmoid(4 * z).cumsum(2)).abs(),
    "threshold": lambda z: weighted(F.threshold(z, 0.25, 0.25)).abs(),
    "pool of pools": lambda z: weighted(F.max_pool2d(F.relu(F.max_pool2d(z, 3, 1)), 2, 1)),
    "pool, dilated, ceil": lambda z: weighted(F.max_pool2d(z, 3, 2, 0, 2, True)),
    "pool, padded": lambda z: weighted(F.max_pool2d(z - 3, 3, 1, 1)),
    "pool 1d": lambda z: weighted(F.max_pool1d(z.flatten(2), 3, 2)),
    "pool 3d": lambda z: weighted(F.max_pool3d(z.reshape(-1, 1, 4, 3, 3), 2, 1)),
    "adaptive pool": lambda z: weighted(F.adaptive_max_pool2d(z, (4, 3))),
    "adaptive average": lambda z: weighted(F.adaptive_avg_pool2d(z.relu(), (4, 3)).abs()),
    "max with index": lambda z: weighted(z.max(3).values.relu()),
    "gathered": lambda z: weighted(z.gather(3, z.max(3, keepdim=True).indices)),
    "amax": lambda z: weighted(z.amax((1, 3), keepdim=True)),
    "amin": lambda z: weighted(z.amin((2, 3))),
    "largest of all": lambda z: z.flatten(1).max(1).values,
    "maximum": lambda z: weighted(torch.maximum(z[:, :, 1:], 0.5 * z[:, :, :-1])),
    "minimum with a constant": lambda z: weighted(torch.minimum(z, torch.tensor(0.5).double())),
    "moving bounds": lambda z: weighted(torch.clamp(z, z.mean((2, 3), True), z.mean((2, 3), True) + 1)),
    "where": lambda z: weighted(torch.where(z > 0, z, 0.1 * z)),
    "mask behind a bend": masked_later,
    "mask times value": lambda z: weighted(z * (z > 0)),
    "sign": lambda z: weighted(torch.sign(z) * z),
    "masked fill": lambda z: weighted(z.masked_fill((z < 0) | (z != z), 0)),
    "logical": lambda z: weighted(torch.where((z > 1) | ~(z > 0), z.relu().clamp(max=1) + (z - 1).relu(), z)),
}  # fmt: skip


def ends():
    return points(2, 1, 6, 6, seed=2), points(2, 1, 6, 6)


def integrate(function, b, x, limit=10_000):
    program = capture(function, (x[:1],), second_point=(b[:1],))
    (found,), pieces = integrated_gradient(program, (b,), (x,), limit)
    return found, pieces


@pytest.mark.parametrize("name", FUNCTIONS)
def test_complete_to_rounding(name):
    function, (b, x) = FUNCTIONS[name], ends()
    scores = (integrate(function, b, x)[0] * (x - b)).flatten(1)
    gap = scores.sum(1) - (function(x) - function(b)).detach()
    assert float((gap.abs() / scores.abs().sum(1)).max()) < 1e-13


@pytest.mark.parametrize("name", FUNCTIONS)
def test_equal_to_many_small_steps(name):
    function, (b, x) = FUNCTIONS[name], ends()
    found = integrate(function, b, x)[0][:1]
    steps = 4000
    alphas = ((torch.arange(steps).double() + 0.5) / steps).reshape(-1, 1, 1, 1)
    at = torch.lerp(b[:1], x[:1], alphas).requires_grad_()
    slow = torch.autograd.grad(function(at).sum(), at)[0].mean(0, keepdim=True)
    # every kink puts at most one step on the wrong side: up to 150 kinks with jumps of a part of the slope
    torch.testing.assert_close(found, slow, rtol=0, atol=10 / steps * float(slow.abs().max()))


def test_a_kink_that_none_follows_adds_no_pieces_but_one_that_is_followed_does():
    b, x = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([[3.0], [2.0]]).double()
    found, pieces = integrate(lambda z: z.relu()[:, 0], b, x)
    assert pieces.tolist() == [1, 1] and found[:, 0].tolist() == [0.75, 1]
    found, pieces = integrate(lambda z: (2 - z.relu()).relu()[:, 0], b, x)
    assert pieces.tolist() == [2, 1] and found[:, 0].tolist() == [-0.5, -1]


@pytest.mark.parametrize(
    "function", [lambda z: torch.where(z > 0.2, z, 0.2)[:, 0], lambda z: (0.2 - z).clamp(max=0).neg()[:, 0]]
)
def test_a_number_in_the_model_keeps_all_its_digits(function):
    b, x = torch.tensor([[-1.0]]).double(), torch.tensor([[1.0]]).double()
    found, _ = integrate(function, b, x)
    # the kink at 0.2 is passed at 0.6 of the path; at float32's 0.2 it would be 1.5e-9 off
    torch.testing.assert_close(found, torch.full_like(b, 0.4), rtol=1e-14, atol=0)


def test_equal_candidates_share_as_torch_does():
    b, x = torch.zeros(1, 3).double(), torch.tensor([[2.0, 2.0, 1.0]]).double()
    assert integrate(lambda z: z.amax(1), b, x)[0].tolist() == [[0.5, 0.5, 0]]
    assert integrate(lambda z: z.max(1).values, b, x)[0].tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda z: z.tanh().flatten(1).sum(1), "tanh.* not affine"),
        (lambda z: (z * z).flatten(1).sum(1), "mul.* not affine"),
        (lambda z: weighted(torch.where(z > 0, z + 1, z)), "jumps where a mask switches"),
        (lambda z: weighted(z.round()), "round.* jumps"),
    ],
)
def test_other_operations_are_named(function, message):
    with pytest.raises(NotPiecewiseLinearError, match=message):
        integrate(function, *ends())


def test_too_many_pieces_stop_early():
    with pytest.raises(TooManyPiecesError):
        integrate(FUNCTIONS["mlp"], *ends(), limit=6)


def test_single_precision_stays_single():
    b, x = (t.float() for t in ends())
    function = lambda z: F.max_pool2d(z.relu(), 3, 1).flatten(1).sum(1)  # noqa: E731
    program = capture(function, (x[:1],), dtype=torch.float32)
    (found,), _ = integrated_gradient(program, (b,), (x,), 1000)
    assert found.dtype == torch.float32
    gap = (found * (x - b)).flatten(1).sum(1) - function(x) + function(b)
    assert float(gap.abs().max()) < 1e-5  # rounding of float32 sums of size 10

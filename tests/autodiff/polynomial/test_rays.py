"""Series along rays, all degrees in one tensor, against the general walk in one variable."""

import pytest
import torch
from torch import nn

from taylorattr.autodiff.polynomial import series
from taylorattr.autodiff.polynomial.builder import Plan
from taylorattr.autodiff.polynomial.compose import compose, multiply
from taylorattr.autodiff.polynomial.engine import jets, lowered, values
from taylorattr.autodiff.polynomial.rays import Jet, _compose, _matrix_product, _product, walk_rays
from taylorattr.autodiff.polynomial.recurrences import RECURRENCES, recurrence_of
from taylorattr.autodiff.polynomial.ring import Ring
from taylorattr.autodiff.polynomial.walks import walk_full
from taylorattr.program.capture import capture

ORDER = 6


def seeded(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def plain(jet):
    """Return a jet as a polynomial of `walks`: one block a degree."""
    higher = [] if jet.higher is None else [row[None] for row in jet.higher]
    return [jet.zero, *higher, *[None] * (ORDER - len(higher))]


def jet(top, *value, rays=5, shared=False, seed=0):
    zero = seeded(1, 1 if shared else rays, *value, seed=seed)
    return Jet(zero, seeded(top, rays, *value, seed=seed + 1) / 2 if top else None)


def close(higher, blocks):
    for d, block in enumerate(blocks[1:]):
        row = higher[d] if d < len(higher) else torch.zeros_like(higher[0])
        other = torch.zeros_like(row) if block is None else block[0].expand_as(row)
        assert torch.allclose(row, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", [series.tanh, series.power(3.0), series.silu, series.exp])
@pytest.mark.parametrize("top", [1, 3, ORDER])
@pytest.mark.parametrize("shared", [False, True])
def test_composition(function, top, shared):
    u = jet(top, 3, shared=shared)
    f = function(u.zero, ORDER)
    close(_compose(f, u.higher, ORDER), compose(Ring(1), f, plain(u)))


@pytest.mark.parametrize(
    "function",
    [*RECURRENCES, series.Softplus(2.0, 1.0)],
    ids=lambda function: getattr(function, "__name__", "softplus"),
)
@pytest.mark.parametrize("top", [1, 2, ORDER])
@pytest.mark.parametrize("shared", [False, True])
def test_recurrences_are_compositions(function, top, shared):
    """Points around 1 are in the domain of every function, and on both sides of the threshold."""
    u = jet(top, 3, shared=shared)
    u = Jet(u.zero.abs() / 2 + 0.3, u.higher / 4)
    recurrence = recurrence_of(function, ORDER, 1)
    assert recurrence is not None
    zero, higher = recurrence(u.zero, u.higher, ORDER)
    f = function(u.zero, ORDER)
    assert torch.allclose(zero, f[0], rtol=1e-15) and len(higher) == ORDER
    close(higher, compose(Ring(1), f, plain(u)))


@pytest.mark.parametrize(("one", "other"), [(1, 1), (2, 5), (5, 2), (ORDER, ORDER), (0, 3), (3, 0)])
@pytest.mark.parametrize("shared", [False, True])
def test_products(one, other, shared):
    ring = Ring(1)
    x, y = jet(one, 2, 1, shared=shared, seed=2), jet(other, 1, 3, seed=4)
    blocks = [multiply(ring.multiply, plain(x), plain(y), degree=d) for d in range(ORDER + 1)]
    close(_product(x, y, ORDER).higher, blocks)
    x, y = jet(one, 2, 4, 3, shared=shared, seed=6), jet(other, 2, 3, 5, seed=8)
    blocks = [multiply(ring.matmul, plain(x), plain(y), degree=d) for d in range(ORDER + 1)]
    close(_matrix_product(x, y, ORDER).higher, blocks)


def general(plan: Plan, points, rays, order):
    inputs = [
        [x[None, :, None], ray[None, :, None], *[None] * (order - 1)]
        for x, ray in zip(points, rays, strict=True)
    ]
    poly = walk_full(plan, Ring(1), inputs, order)
    blocks = (poly[0].new_zeros(1, len(rays[0]), 1) if block is None else block for block in poly)
    return torch.cat([block[:, :, 0].expand(1, len(rays[0])) for block in blocks]).T


MODELS = {
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu"), (3, 8)),
    "convolution": (lambda: nn.Sequential(nn.Conv1d(2, 3, 2), nn.Tanh(), nn.MaxPool1d(2), nn.ELU()), (2, 7)),
    "recurrent": (lambda: nn.LSTM(3, 4, batch_first=True), (5, 3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_network_along_rays_from_one_point_and_from_many(name):
    torch.manual_seed(0)
    make, shape = MODELS[name]
    net = make().double().eval()

    def model(x):
        found = net(x)
        return (found[0] if isinstance(found, tuple) else found).flatten(1).square().mean(1)

    points, rays = seeded(5, *shape), 0.3 * seeded(5, *shape, seed=1)
    program = capture(model, (points[:1],), module=net)
    plan = lowered(program, (points[:1],))
    for start in (points[:1], points):
        ours = walk_rays(plan, (start,), (rays,), ORDER)
        assert torch.allclose(ours, general(plan, (start,), (rays,), ORDER), rtol=1e-11, atol=1e-13)
        assert torch.equal(jets(program, (start,), (rays,), ORDER), ours)
    assert torch.allclose(values(program, (points,)), model(points), rtol=1e-12, atol=1e-13)


def test_what_does_not_move_has_its_value_alone():
    program = capture(lambda x: x.sum(1) * 0 + 2.0, (torch.ones(1, 2, dtype=torch.float64),))
    series_of = jets(program, (torch.ones(1, 2).double(),), (torch.ones(3, 2).double(),), 4)
    assert series_of.tolist() == [[2.0, 0.0, 0.0, 0.0, 0.0]] * 3

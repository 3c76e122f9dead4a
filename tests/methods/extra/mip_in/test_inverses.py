"""Each inverse against what it should be: a solve, a gradient, a loop."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from taylorattr.methods.extra.mip_in.chain import read_chain
from taylorattr.methods.extra.mip_in.inverses import (
    FittedInverse,
    back,
    fit_convolution,
    fit_linear,
    rearranged_back,
    spread,
    unpool,
    weight_shapes,
)
from taylorattr.methods.extra.mip_in.layers import with_switches


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def first_layer(layer: nn.Module, x: Tensor):
    """The chain of a layer with a linear readout behind it, and the layer in it."""
    width = layer.double()(x).flatten(1).shape[1]
    chain = read_chain(nn.Sequential(layer, nn.Flatten(), nn.Linear(width, 2)).double().eval(), x)
    return chain, chain.layers[0]


@pytest.mark.parametrize("rows", [40, 5], ids=["more rows than units", "fewer"])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_inverse_is_the_ridge_regression_of_stacked_rows(rows: int, bias: bool):
    s, x, ridge = drawn(rows, 7), drawn(rows, 3, seed=1), 0.03
    fitted = fit_linear(s, x, ridge, bias)
    # an independent way: ordinary least squares on the data with √λ·1 below them, for centred data
    a, b = (s - s.mean(0), x - x.mean(0)) if bias else (s, x)
    penalty = ridge * float(a.square().mean()) * rows
    stacked = np.vstack([a.numpy(), np.sqrt(penalty) * np.eye(7)])
    solution = np.linalg.lstsq(stacked, np.vstack([b.numpy(), np.zeros((7, 3))]), rcond=None)[0]
    np.testing.assert_allclose(fitted.weight.numpy(), solution.T, rtol=1e-9, atol=1e-11)
    if bias:
        assert fitted.bias is not None
        torch.testing.assert_close(fitted.bias, x.mean(0) - fitted.weight @ s.mean(0))
    else:
        assert fitted.bias is None


def test_a_signal_of_zeros_has_the_inverse_zero():
    assert not fit_linear(torch.zeros(4, 2), torch.ones(4, 3), 1e-3, False).weight.any()


GEOMETRIES = [
    (nn.Conv2d(2, 3, 3, padding=1), (2, 7, 6)),
    (nn.Conv2d(2, 4, 3, stride=2), (2, 8, 9)),
    (nn.Conv2d(4, 6, (3, 2), stride=(3, 2), padding=(1, 0), groups=2), (4, 9, 7)),
    (nn.Conv2d(2, 3, 3, dilation=2, padding=1, stride=2), (2, 9, 10)),
    (nn.Conv1d(2, 3, 4, stride=3), (2, 12)),
    (nn.Conv3d(1, 2, 2, stride=2, padding=1), (1, 5, 4, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), GEOMETRIES)
def test_a_convolution_sent_back_with_its_own_weights_is_its_transpose(layer: nn.Module, shape: tuple):
    x = drawn(3, *shape)
    chain, inverted = first_layer(layer, x)
    weight = layer.weight.detach().double()
    assert weight_shapes(inverted)[0] == tuple(weight.shape)
    s = drawn(3, *inverted.after, seed=1)
    x.requires_grad_()
    (transposed,) = torch.autograd.grad(layer(x), x, s)
    torch.testing.assert_close(back(inverted, FittedInverse(weight), s), transposed)


def test_the_trained_convolution_comes_near_the_best_there_is():
    x = drawn(200, 2, 5, 5).relu()
    chain, layer = first_layer(nn.Conv2d(2, 4, 3, stride=2, padding=1), x)
    s = chain.forward(x, 0, 1).relu().detach()
    shapes = weight_shapes(layer)
    fitted = fit_convolution(
        layer,
        shapes,
        s,
        x,
        steps=700,
        bias=False,
        generator=torch.Generator().manual_seed(0),
        tick=lambda: None,
    )
    # the transposed convolution is linear in its weights: column k is what weight k alone gives
    count = torch.Size(shapes[0]).numel()
    columns = [
        back(layer, FittedInverse(w.reshape(shapes[0])), s).flatten() for w in torch.eye(count).double()
    ]
    best = torch.linalg.lstsq(torch.stack(columns, 1), x.reshape(-1, 1)).solution
    least = (torch.stack(columns, 1) @ best - x.reshape(-1, 1)).square().sum()
    error = (back(layer, fitted, s) - x).square().sum()
    assert least <= error <= 1.01 * least  # Adam's last steps are of size 0, so near is a per cent


@pytest.mark.parametrize("options", [{}, {"stride": 1}, {"padding": 1}, {"ceil_mode": True}, {"dilation": 2}])
def test_switches_send_a_signal_where_the_gradient_of_the_maximum_goes(options: dict):
    x = drawn(2, 3, 7, 9)
    chain, layer = first_layer(nn.MaxPool2d(3, **options), x)
    y, switches = with_switches(layer, x)
    s = drawn(*y.shape, seed=1)
    x.requires_grad_()
    (expected,) = torch.autograd.grad(F.max_pool2d(x, 3, **options), x, s)
    torch.testing.assert_close(unpool(layer, s, switches), expected)
    nearest = unpool(layer, s, None)
    assert nearest.shape == x.shape
    assert set(nearest.flatten().tolist()) == set(s.flatten().tolist())


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((3, 1)), nn.AvgPool2d((2, 3))])
def test_a_spread_signal_pools_to_itself_where_windows_do_not_overlap(pool: nn.Module):
    x = drawn(2, 3, 6, 6)
    chain, layer = first_layer(pool, x)
    s = drawn(2, *layer.after, seed=1)
    torch.testing.assert_close(pool(spread(layer, s)), s)


def test_where_windows_overlap_each_place_has_their_mean():
    x = drawn(1, 1, 1, 5)
    chain, layer = first_layer(nn.AvgPool2d((1, 3), stride=2), x)
    s = torch.tensor([[[[2.0, 8.0]]]], dtype=torch.float64)
    torch.testing.assert_close(spread(layer, s)[0, 0, 0].tolist(), [2.0, 2.0, 5.0, 8.0, 8.0])


def test_places_in_no_window_have_no_signal():
    x = drawn(1, 1, 1, 7)
    chain, layer = first_layer(nn.AvgPool2d((1, 2), stride=3), x)
    s = torch.tensor([[[[2.0, 8.0]]]], dtype=torch.float64)
    assert spread(layer, s)[0, 0, 0].tolist() == [2.0, 2.0, 0.0, 8.0, 8.0, 0.0, 0.0]


class Moves(nn.Module):
    """A rearrangement, then a linear readout."""

    def __init__(self, move, width: int):
        super().__init__()
        self.move, self.head = move, nn.Linear(width, 2).double()

    def forward(self, x):
        return self.head(self.move(x).flatten(1))


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x.permute(0, 2, 3, 1),
        lambda x: x.transpose(1, 3),
        lambda x: F.pixel_shuffle(x, 2),
        lambda x: x.flip(2),
        lambda x: x.reshape(len(x), 2, -1),
        lambda x: x.unsqueeze(1),
    ],
)
def test_a_rearranged_signal_comes_back_to_its_places(move):
    x = drawn(3, 4, 5, 6)
    chain = read_chain(Moves(move, 120).eval(), x)
    for layer in reversed(chain.layers[:-1]):
        assert layer.kind == "move"
    s = chain.forward(x, 0, len(chain.layers) - 1)
    for layer in reversed(chain.layers[:-1]):
        s = rearranged_back(layer, s)
    assert torch.equal(s, x)


def test_what_padding_added_is_cut_off():
    x = drawn(2, 1, 3, 4)
    chain = read_chain(Moves(lambda x: F.pad(x, (1, 0, 2, 1)), 30).eval(), x)
    s = chain.forward(x, 0, 1)
    assert torch.equal(rearranged_back(chain.layers[0], s + 1), x + 1)

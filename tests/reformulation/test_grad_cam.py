"""Grad-CAM: the effects of a layer's cells give the positions' scores."""

import pytest
import torch

import taylorattr as ta
from taylorattr.toys import Polynomial


class Convolutional(torch.nn.Module):
    """(B, 1, 4, 4) -> feature maps (B, 2, 2, 2) behind a ReLU -> a head."""

    def __init__(self, head, activation=None):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.conv = torch.nn.Conv2d(1, 2, 3, dtype=torch.float64)
        with torch.no_grad():
            for p in self.conv.parameters():
                p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) / 3)
            self.conv.bias -= 0.3  # some cells are 0 behind the ReLU
        self.maps = torch.nn.ReLU() if activation is None else activation
        self.head = head
        self.eval()

    def forward(self, x):
        return self.head(self.maps(self.conv(x)))


class Flat(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, a):
        return self.model(a.flatten(1))


class Pooled(Flat):
    def forward(self, a):
        return self.model(a.mean((2, 3)))


def tanh_of_eight():
    generator = torch.Generator().manual_seed(5)
    w = torch.randn(4, 8, generator=generator, dtype=torch.float64) * 0.15

    class Smooth(torch.nn.Module):
        def forward(self, a):
            return torch.tanh(a @ w.T + 0.1).sum(1)

    return Flat(Smooth())


QUADRATIC = {
    (1, 0, 0, 0, 0, 0, 0, 0): 1,
    (1, 1, 0, 0, 0, 0, 0, 0): 2,
    (0, 0, 2, 0, 0, 1, 0, 0): 1,
    (0, 0, 0, 0, 0, 0, 1, 0): 3,
}
IMAGES = torch.linspace(-1, 1, 32).double().reshape(2, 1, 4, 4).sin()


def test_linear_heads_need_first_order_only():
    head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 3).double())
    found = ta.reformulate(
        "grad_cam", Convolutional(head), IMAGES, target=1, order=1, layer="maps", relu=False
    )
    assert found.rule == "grad_cam/coefficients"
    assert found.explained.all() and float(found.errors["truncation"].max()) == 0
    assert found.names == ("maps[0,0]", "maps[0,1]", "maps[1,0]", "maps[1,1]")


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_polynomial_heads_are_exact(frame, relu):
    model = Convolutional(Flat(Polynomial(QUADRATIC)))
    found = ta.reformulate("grad_cam", model, IMAGES, order=3, layer="maps", relu=relu, frame=frame)
    assert float(found.relative_difference.max()) <= 1e-10
    assert found.explained.all()
    scores = found.matrix(0).sum(0)
    torch.testing.assert_close(scores.relu() if relu else scores, found.direct.player_scores[0])


def test_heads_of_pooled_features():
    model = Convolutional(Pooled(Polynomial({(1, 0): 1, (2, 1): 1, (0, 3): -1})), torch.nn.Identity())
    found = ta.reformulate("grad_cam", model, IMAGES, order=3, layer="maps", relu=False)
    assert found.rule == "grad_cam"
    assert found.explained.all() and float(found.relative_difference.max()) <= 1e-10


def test_smooth_heads_within_the_bound():
    model, sizes = Convolutional(tanh_of_eight()), []
    for order in (1, 3, 5):
        found = ta.reformulate("grad_cam", model, IMAGES, order=order, layer="maps", relu=False)
        assert found.explained.all(), found
        sizes.append(float(found.difference.abs().max()))
        assert float(found.allowed.max()) <= 100 * sizes[-1]
    assert sizes[-1] < 0.05 * sizes[0]


def test_heads_with_kinks_are_taken_at_the_input():
    head = torch.nn.Sequential(torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(2, 1).double())
    found = ta.reformulate("grad_cam", Convolutional(head), IMAGES, layer="maps", relu=False)
    assert found.rule == "grad_cam/input" and found.explained.all()
    assert any("no series leads from A = 0 to A" in remark for remark in found.remarks)


@pytest.mark.slow
def test_many_cells_lower_the_order():
    head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2 * 64, 1).double())
    images = torch.linspace(-1, 1, 100).double().reshape(1, 1, 10, 10).cos()
    found = ta.reformulate("grad_cam", Convolutional(head), images, order=4, layer="maps", relu=False)
    assert found.explained.all()
    assert any("order 2 instead of 4" in remark for remark in found.remarks)


def test_files_keep_everything(tmp_path):
    model = Convolutional(Flat(Polynomial(QUADRATIC)))
    found = ta.reformulate("grad_cam", model, IMAGES, order=3, layer="maps")
    again = ta.Reformulation.load(found.save(tmp_path / "cells.npz"))
    assert str(again) == str(found) and torch.equal(again.matrix(1), found.matrix(1))

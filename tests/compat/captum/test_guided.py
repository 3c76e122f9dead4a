import pytest
import torch
import torch.nn.functional as F
from torch import nn

import taylorattr.compat.captum as ours
from taylorattr.errors import PrecisionWarning
from tests.autodiff.networks import points as normal
from tests.compat.captum.peer import captum, worst

ROUNDING = 1e-13  # float64 sums of a few dozen products


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(27, 5), nn.ReLU(), nn.Linear(5, 3),
    ).double().eval()  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
@pytest.mark.parametrize("name", ["GuidedBackprop", "Deconvolution"])
def test_with_relu_modules_it_is_captums(name):
    model, x = network(), normal(3, 2, 6, 6).double()
    mine = getattr(ours, name)(model).attribute(x, target=[0, 2, 1])
    theirs = getattr(captum, name)(model).attribute(x.clone().requires_grad_(), target=[0, 2, 1])
    assert worst(mine, theirs) < ROUNDING
    assert worst(mine, ours.Saliency(model).attribute(x, target=[0, 2, 1], abs=False)) > 1e-3


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
@pytest.mark.parametrize("of_input", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_guided_grad_cam_is_captums(mode, of_input):
    model, x = network(), normal(6, 2, 6, 6).double()
    options = {"target": [0, 1, 2, 0, 1, 2], "interpolate_mode": mode, "attribute_to_layer_input": of_input}
    mine = ours.GuidedGradCam(model, model[3]).attribute(x, **options)
    theirs = captum.GuidedGradCam(model, model[3]).attribute(x.clone().requires_grad_(), **options)
    assert worst(mine, theirs) < ROUNDING and mine.abs().max() > 0


class Functional(nn.Module):
    """Two dense layers and one functional ReLU, which is called twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 1)

    def forward(self, x):
        return self.c(F.relu(self.b(F.relu(self.a(x))))).squeeze(1)


@pytest.mark.parametrize("name, gated", [("GuidedBackprop", True), ("Deconvolution", False)])
def test_functional_relus_follow_the_definition(name, gated):
    model, x = Functional().double().eval(), normal(5, 4).double()
    z1 = model.a(x)
    z2 = model.b(z1.relu())
    m = model.c.weight.expand(5, 5)
    for z, layer in ((z2, model.b), (z1, model.a)):
        m = (m.clamp(min=0) * (z > 0) if gated else m.clamp(min=0)) @ layer.weight
    assert worst(getattr(ours, name)(model).attribute(x), m.detach()) < 1e-14


def test_without_relus_it_is_the_gradient():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double().eval()
    x = normal(2, 3).double()
    plain = ours.Saliency(model).attribute(x, target=0, abs=False)
    assert worst(ours.GuidedBackprop(model).attribute(x, target=0), plain) < 1e-15


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.image = network()

    def forward(self, image, table):
        return self.image(image) * table.sum(1, keepdim=True)


def test_an_input_the_map_does_not_fit_gets_an_empty_tensor_and_a_warning():
    model, x = Two().double().eval(), (normal(2, 2, 6, 6).double(), normal(2, 3).double())
    with pytest.warns(PrecisionWarning, match=r"input 1 has shape \(2, 3\)"):
        image, table = ours.GuidedGradCam(model, model.image[3]).attribute(x, target=0)
    assert image.shape == x[0].shape and table.numel() == 0


def test_the_model_is_left_alone():
    model, x = network(), normal(1, 2, 6, 6).double()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ours.GuidedGradCam(model, model[3]).attribute(x, target=0)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    hooks = [m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks or m._backward_hooks]
    assert not hooks and all(p.grad is None for p in model.parameters())

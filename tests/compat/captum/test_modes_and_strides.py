"""captum's classes under no_grad, over functions that read a layer by a hook, and with int strides."""

import captum.attr as theirs
import pytest
import torch
from torch import nn

import taylorattr.compat.captum as ours
from taylorattr.maths.windows import SlidingWindows

torch.manual_seed(0)
CNN = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
IMAGE = torch.randn(2, 1, 4, 4)


@pytest.mark.parametrize("name", ["GuidedBackprop", "Deconvolution", "LayerGradCam", "GuidedGradCam"])
def test_gradients_are_taken_under_no_grad(name):
    def made(library):
        layer = (CNN[0],) if "GradCam" in name else ()
        return getattr(library, name)(CNN, *layer)

    expected = made(theirs).attribute(IMAGE, target=1)
    with torch.no_grad():
        found = made(ours).attribute(IMAGE, target=1)
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_stride_is_no_step_where_the_window_fills_its_dimension():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)).eval()
    x = torch.randn(1, 1, 5, 5)
    options = {"target": 0, "sliding_window_shapes": (1, 3, 3), "strides": 2}
    expected = theirs.Occlusion(net).attribute(x, **options)
    assert torch.allclose(ours.Occlusion(net).attribute(x, **options), expected, atol=1e-5)
    assert SlidingWindows((1, 5), (1, 3), (2, 2)).counts == (1, 2)


@pytest.mark.parametrize("name", ["Saliency", "FeatureAblation"])
def test_a_function_that_holds_the_model_and_one_of_its_layers(name):
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    layer, x = net[0], torch.randn(2, 3)

    def hidden(z):
        kept = []
        handle = layer.register_forward_hook(lambda m, i, o: kept.append(o))
        net(z)
        handle.remove()
        return kept[0][:, 1]

    expected = getattr(theirs, name)(hidden).attribute(x)
    assert torch.allclose(getattr(ours, name)(hidden).attribute(x), expected, atol=1e-6)
    assert not layer._forward_hooks

import pytest
import torch
from torch import nn

import taylorattr.compat.captum as ours
from taylorattr.errors import OptionError
from tests.autodiff.networks import cnn, mlp
from tests.autodiff.networks import points as normal
from tests.compat.captum.peer import captum, worst

ROUNDING = 1e-13  # sums of a few dozen products


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("place", [0, 2, 3])
def test_maps_are_captums(place, relu):
    model, x = cnn().double(), normal(2, 1, 6, 6).double()
    options = {"target": [0, 2], "relu_attributions": relu}
    mine, theirs = (m.LayerGradCam(model, model[place]).attribute(x, **options) for m in (ours, captum))
    assert worst(mine, theirs) < ROUNDING
    sizes = ((6, 6), "bilinear")
    resized = ours.LayerGradCam.interpolate(mine, *sizes)
    assert torch.equal(resized, captum.LayerAttribution.interpolate(mine, *sizes))
    assert torch.equal(resized, ours.LayerAttribution.interpolate(mine, *sizes))


@pytest.mark.parametrize(
    "options",
    [
        {"attribute_to_layer_input": True},
        {"attr_dim_summation": False},
        {"attr_dim_summation": False, "relu_attributions": True, "attribute_to_layer_input": True},
        {"grad_kwargs": {"retain_graph": True, "allow_unused": True}},
    ],
    ids=str,
)
def test_options_are_captums(options):
    model, x = cnn().double(), normal(2, 1, 6, 6).double()
    mine, theirs = (m.LayerGradCam(model, model[2]).attribute(x, 1, **options) for m in (ours, captum))
    assert worst(mine, theirs) < ROUNDING


def test_a_layer_without_positions_has_its_own_gradients_as_weights():
    model, x = mlp(4).double(), normal(3, 4).double()
    mine, theirs = (m.LayerGradCam(model, model[0]).attribute(x, target=1) for m in (ours, captum))
    assert worst(mine, theirs) < ROUNDING


def test_token_ids_need_no_baseline():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(16, 2)).double().eval()
    tokens = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    mine, theirs = (m.LayerGradCam(model, model[0]).attribute(tokens, target=0) for m in (ours, captum))
    assert worst(mine, theirs) < ROUNDING


def test_what_is_not_offered_is_said():
    model, x = cnn(), normal(1, 1, 6, 6)
    with pytest.raises(OptionError, match="grad_kwargs has 'grad_outputs'"):
        ours.LayerGradCam(model, model[0]).attribute(x, target=0, grad_kwargs={"grad_outputs": 1})
    with pytest.raises(OptionError, match="no part of this model"):
        ours.LayerGradCam(model, nn.Conv2d(1, 4, 3)).attribute(x, target=0)

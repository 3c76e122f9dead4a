import pytest
import torch

import taylorattr.compat.captum as ours
from taylorattr.errors import OptionError
from tests.autodiff.networks import cnn
from tests.autodiff.networks import points as normal
from tests.compat.captum.peer import captum, worst


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("place", [0, 2, 3])
def test_maps_are_captums(place, relu):
    model, x = cnn().double(), normal(2, 1, 6, 6).double()
    options = {"target": [0, 2], "relu_attributions": relu}
    mine, theirs = (m.LayerGradCam(model, model[place]).attribute(x, **options) for m in (ours, captum))
    assert worst(mine, theirs) < 1e-13  # sums of a few dozen products
    sizes = ((6, 6), "bilinear")
    resized = ours.LayerGradCam.interpolate(mine, *sizes)
    assert torch.equal(resized, captum.LayerAttribution.interpolate(mine, *sizes))


@pytest.mark.parametrize(
    "options", [{"attribute_to_layer_input": True}, {"attr_dim_summation": False}, {"grad_kwargs": {"a": 1}}]
)
def test_what_is_not_offered_is_said(options):
    model = cnn()
    with pytest.raises(OptionError, match=next(iter(options))):
        ours.LayerGradCam(model, model[0]).attribute(normal(1, 1, 6, 6), target=0, **options)

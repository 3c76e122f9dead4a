"""What is drawn adds up: x = s + d on one scale, and column and contrast are those of the target."""

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import NotFittedError, OptionError, ShapeError
from taylorattr.plot import source_signal
from tests.plot import results


def words(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture(scope="module")
def x():
    return torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def test_source_and_distractor_add_up_to_the_input_on_one_scale(x):
    mip = results.inverted()
    _, ax = source_signal(mip, x, target=2, example=(0, 1))
    for e, images in ((0, ax.images[:5]), (1, ax.images[5:])):
        whole, source, distractor, column, contrast = [np.asarray(image.get_array()) for image in images]
        assert whole == pytest.approx(x[e, 0].numpy(), abs=1e-6)
        assert source + distractor == pytest.approx(whole, abs=1e-6)
        assert source == pytest.approx(mip.source_signal(x)[e, 0].numpy(), abs=1e-6)
        assert column == pytest.approx(mip.attribution(x, 2)[e, 0].numpy())
        assert contrast == pytest.approx(mip.contrast(x, 2)[e, 0].numpy())
        limits = [image.get_clim() for image in images]
        assert limits[0] == limits[1] == limits[2] and all(-low == high for low, high in limits)
        left = np.square(distractor).sum() / np.square(whole).sum()
        assert f"example {e}: ‖x − s‖² is {left:.0%} of ‖x‖²" in words(ax)
        probabilities = torch.softmax(mip.logits(x), 1)[e]
        assert f"class {int(probabilities.argmax())}, {float(probabilities.max()):.0%}" in words(ax)


def test_at_a_feature_map_channels_are_summed(x):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)).eval()
        mip = ta.MIPIN(net, layer="1").fit(torch.rand(12, 1, 4, 4))
    _, ax = source_signal(mip, x)
    with torch.no_grad():
        values = net[:2](x)[0].sum(0)
    assert np.asarray(ax.images[0].get_array()) == pytest.approx(values.numpy(), abs=1e-5)
    assert "feature map x" in words(ax) and not any(word.startswith("class ") for word in words(ax))


def test_bad_input_is_named(x):
    with pytest.raises(OptionError, match="a fitted ta.MIPIN"):
        source_signal(results.attribution(5), x)
    with pytest.raises(NotFittedError):
        source_signal(ta.MIPIN(nn.Linear(4, 2)), x)
    with pytest.raises(ShapeError, match="inputs have shape"):
        source_signal(results.inverted(), x[:, :, :2])

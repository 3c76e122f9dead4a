"""A pixel counts the channels kept at its place, and the shares are those of the pruning."""

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.plot import kept_neurons
from tests.plot import results


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_layers_count_what_is_kept_and_the_map_comes_last():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(
            *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3)),
        ).eval()
        x = torch.rand(3, 1, 4, 4)
    pruning = ta.prune(net, x, sparsity=0.7, linearity=())
    _, ax = kept_neurons(pruning, x, example=(0, 2))
    assert len(ax.images) == 2 * 4
    for e, images in ((0, ax.images[:4]), (2, ax.images[4:])):
        drawn = [np.asarray(image.get_array()) for image in images]
        assert drawn[0] == pytest.approx(x[e, 0].numpy())
        assert drawn[1] == pytest.approx(pruning.masks[0][e].sum(0).numpy())
        assert drawn[2] == pytest.approx(pruning.masks[1][e].reshape(3, 4).double().numpy())
        assert drawn[3] == pytest.approx(pruning.map[e, 0].numpy(), rel=1e-6)
        assert drawn[1].sum() + drawn[2].sum() == pruning.kept
        for layer, image in enumerate(images[1:3]):
            assert image.get_clim() == (0, drawn[1 + layer].max())
            assert f"{float(pruning.kept_share[e, layer]):.1%}" in words(ax)
        assert f"up to {int(drawn[1].max())} of 4" in words(ax) and f"{int(drawn[2].sum())} of 12" in words(
            ax
        )
    assert f"example 2: {pruning.kept} of {pruning.neurons} neurons kept" in words(ax)


def test_tokens_and_scalars_are_layers_too():
    for shape, drawn in (((5, 7), (5, 7)), ((), (1, 1)), ((2, 3, 4, 5), (4, 5))):
        _, ax = kept_neurons(results.pruning(1, shape=shape))
        assert ax.images[0].get_array().shape == drawn


def test_bad_input_is_named():
    with pytest.raises(OptionError, match="what ta.prune returns"):
        kept_neurons(results.attribution(5))
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).eval()
    found = ta.attribute("prune_grad", net, torch.rand(2, 4), target=0)
    with pytest.raises(OptionError, match="holds no masks"):
        kept_neurons(found.diagnostics["pruning"])

import itertools
import math

import pytest
import torch
from torch import nn

from taylorattr.errors import OptionError
from taylorattr.methods.method import attribute
from tests.methods.relevance.networks import POOLS, D, convolutional, draw, seeded


def one_layer(activation=nn.Tanh):
    return seeded(lambda: nn.Sequential(nn.Linear(4, 5), activation(), nn.Linear(5, 2)))


@pytest.mark.parametrize("components", ["linear_activation", "neuron"])
def test_complete_against_the_mean_over_references(components):
    model = convolutional(*POOLS["k3 s2 padded ceil"])
    x, references = draw(2, 2, 13, 13), draw(3, 2, 13, 13, seed=2)
    result = attribute("deep_shap", model, x, references, target=[0, 2], components=components, orders=4)
    assert (result.gap.abs() < 1e-12 * result.player_scores.abs().sum(1)).all()
    with torch.no_grad():
        mean = model(references)[:, [0, 2]].mean(0)
    torch.testing.assert_close(result.f_baseline, mean)
    assert result.diagnostics["references"] == 3


def test_linear_and_activation_components_are_rescale_averaged():
    model, x, references = one_layer(), draw(3, 4), draw(4, 4, seed=1)
    ours = attribute("deep_shap", model, x, references, target=1).player_scores
    theirs = attribute("deeplift_rescale", model, x, references=references, target=1).player_scores
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-15)


def brute_force(f, x, b):
    """Shapley values by all orders."""
    n = len(x)
    total = torch.zeros(n, dtype=D)
    for order in itertools.permutations(range(n)):
        now = b.clone()
        for i in order:
            before = f(now)
            now[i] = x[i]
            total[i] += (f(now) - before) / math.factorial(n)
    return total


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_whole_neurons_of_one_hidden_layer_give_the_shapley_values_of_the_network(activation):
    """Eq. (44): a linear readout of neurons shared by 1/|S|."""
    model, x, references = one_layer(activation), draw(2, 4), draw(3, 4, seed=1)
    ours = attribute("deep_shap", model, x, references, target=1, components="neuron").player_scores
    with torch.no_grad():
        expected = torch.stack(
            [sum(brute_force(lambda v: model(v[None])[0, 1], row, r) for r in references) / 3 for row in x]
        )
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)  # midpoints of short chords


def test_convolutions_are_neurons_too():
    """A convolution is the dense layer of its windows."""
    conv = seeded(lambda: nn.Conv2d(1, 2, 2, stride=2, padding=1))
    x = draw(1, 1, 3, 3)

    def model(x):
        return torch.tanh(conv(x)).flatten(1).sum(1)

    ours = attribute("deep_shap", model, x, draw(1, 1, 3, 3, seed=5), components="neuron").player_scores
    matrix = torch.stack([conv(e.reshape(1, 1, 3, 3)).flatten() - conv(torch.zeros(1, 1, 3, 3, dtype=D)).flatten() for e in torch.eye(9, dtype=D)]).detach()  # fmt: skip  # noqa: E501
    bias = conv(torch.zeros(1, 1, 3, 3, dtype=D)).flatten().detach()
    theirs = attribute(
        "deep_shap",
        lambda v: torch.tanh(torch.addmm(bias, v, matrix)).sum(1),
        x.flatten(1),
        draw(1, 1, 3, 3, seed=5).flatten(1),
        components="neuron",
    ).player_scores
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_wide_neurons_are_sampled_stay_complete_and_come_near():
    model = seeded(lambda: nn.Sequential(nn.Linear(13, 6), nn.ReLU(), nn.Linear(6, 1)))
    x, b = draw(2, 13), draw(1, 13, seed=3)
    few = attribute("deep_shap", model, x, b, components="neuron", orders=4)
    many = attribute("deep_shap", model, x, b, components="neuron", orders=4000)
    assert (few.gap.abs() < 1e-13 * few.player_scores.abs().sum(1)).all()
    assert few.diagnostics["sampled_modules"] == ["1"] and few.diagnostics["orders"] == 4
    exact = attribute("shapley", model, x, b).player_scores
    spread = (few.player_scores - exact).abs().max()
    assert (many.player_scores - exact).abs().max() < max(0.1 * spread, 0.02 * exact.abs().max())
    again = attribute("deep_shap", model, x, b, components="neuron", orders=4)
    assert torch.equal(again.player_scores, few.player_scores)


@pytest.mark.parametrize(
    ("options", "match"), [({"components": "layer"}, "components='layer'"), ({"orders": 1}, "orders=1")]
)
def test_bad_options_are_refused(options, match):
    with pytest.raises(OptionError, match=match):
        attribute("deep_shap", one_layer(), draw(2, 4), draw(2, 4), target=0, **options)

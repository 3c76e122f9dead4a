"""Σ scores = f(x) − f(b) to 1e-9 of Σ|scores| through the public call: networks × methods × baselines."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from tests.methods.relevance.networks import ACTIVATIONS, NETWORKS, D, draw, perceptron, readout, seeded

COMPLETE = 1e-9
METHODS = [
    ("deeplift_rescale", {}),
    ("deeplift_reveal_cancel", {}),
    ("deeplift_reveal_cancel", {"bookkeeping": "variables"}),
    ("deep_shap", {}),
    ("deep_shap", {"components": "neuron", "orders": 4}),
]
IDS = ["rescale", "parts", "variables", "deep shap", "deep shap of neurons"]


def stacked(activation):
    """Two stacked conv – activation – pool blocks and one with the pool before the activation, k3 s2."""
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3), activation(), nn.MaxPool2d(3, 2),
            nn.Conv2d(3, 3, 2), activation(), nn.MaxPool2d(3, 1),
            nn.Conv2d(3, 2, 1), nn.MaxPool2d(2, 1), activation(), nn.Flatten(), nn.Linear(2, 2),
        )
    )  # fmt: skip


CASES = NETWORKS | {
    "stacked relu blocks": (stacked(nn.ReLU), (draw(2, 1, 13, 13),), (draw(1, 1, 13, 13),)),
    "stacked hardswish blocks": (stacked(nn.Hardswish), (draw(2, 1, 13, 13),), (draw(1, 1, 13, 13),)),
    "absolute values": (
        lambda x: (x @ torch.linspace(-1, 1, 12, dtype=D).reshape(4, 3)).abs().clamp(max=1.5),
        (draw(3, 4),),
        (draw(1, 4),),
    ),
}


def assert_complete(result):
    assert (result.gap.abs() <= COMPLETE * result.player_scores.abs().sum(1)).all(), result.relative_gap


def three(inputs):
    """Three baselines per tensor, as one argument."""
    drawn = tuple(draw(3, *x.shape[1:], seed=5) for x in inputs)
    return drawn if len(drawn) > 1 else drawn[0]


@pytest.mark.filterwarnings("ignore:the scores of neurons")
@pytest.mark.parametrize("method, options", METHODS, ids=IDS)
@pytest.mark.parametrize("name", CASES)
def test_a_batch_against_several_baselines(name, method, options):
    model, inputs, _ = CASES[name]
    x = inputs if len(inputs) > 1 else inputs[0]
    among = {"baselines": three(inputs)} if method == "deep_shap" else {"references": three(inputs)}
    if isinstance(model, nn.Module):
        options = options | {"target": lambda out: out.flatten(1) @ weights(out.flatten(1).shape[1])}
    else:
        model = readout(model)
    assert_complete(ta.attribute(method, model, x, **among, **options))


def weights(count):
    return torch.linspace(0.5, 1.5, count, dtype=D)


@pytest.mark.parametrize("method, options", METHODS, ids=IDS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_in_a_batch(name, method, options):
    x, b = 3 * draw(3, 6), draw(2, 6, seed=4)
    among = {"baselines": b} if method == "deep_shap" else {"references": b}
    assert_complete(ta.attribute(method, perceptron(name), x, target=[0, 1, 0], **among, **options))

"""A convolutional network on handwritten digits: fifteen methods on one question.

``make`` trains the network in seconds, once per process, so that the command line can use it as well:

    cd examples
    taylorattr attribute deeplift_rescale --model digits_cnn:make --data sklearn:digits --target 0
"""

# %%
from collections import OrderedDict
from functools import cache
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import taylorattr as ta

HELD_OUT = 360
EPOCHS = 8
BATCH = 32


# %%
# 1797 images of 8×8 grey values in [0, 1], the last 360 of a seeded order held out.


@cache
def images() -> tuple[Tensor, Tensor]:
    """Return the images, shape (1797, 1, 8, 8), and their digits, shape (1797,), in a seeded order."""
    bundle: Any = load_digits()
    grey, digit = torch.from_numpy(bundle.images[:, None] / 16).float(), torch.from_numpy(bundle.target)
    order = torch.randperm(len(digit), generator=torch.Generator().manual_seed(0))
    return grey[order], digit[order]


def initialised(generator: torch.Generator) -> nn.Sequential:
    """Return the network (B, 1, 8, 8) -> (B, 10), with weights from the generator."""
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(16, 32, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(3, 1),  # its windows overlap
            flat=nn.Flatten(),
            head=nn.Linear(32 * 2 * 2, 10),
        )
    )
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                bound = layer.weight[0].numel() ** -0.5
                for parameter in layer.parameters():
                    parameter.copy_((2 * torch.rand(parameter.shape, generator=generator) - 1) * bound)
    return network


@cache
def make() -> nn.Sequential:
    """Train on 1437 images; every call in one process returns the same network."""
    generator = torch.Generator().manual_seed(0)
    network = initialised(generator)
    x, digit = (part[:-HELD_OUT] for part in images())
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), digit[rows]).backward()
            optimiser.step()
    return network.eval().requires_grad_(False)


def accuracy(network: nn.Module) -> float:
    """Return the share of the held-out images that the network reads rightly."""
    x, digit = (part[-HELD_OUT:] for part in images())
    with torch.no_grad():
        return float((network(x).argmax(1) == digit).float().mean())


# %%
# Four digits by every method. Some promise that the scores add up to f(x) − f(b): what they leave is float32
# rounding: Integrated Gradients finds the kinks along the path, max-pools included. The others leave
# interactions out or count them several times; LRP and Deep Taylor leave the biases' shares.

PROMISED = {
    "integrated_gradients": 1e-5,
    "shapley": 1e-4,
    "deeplift_rescale": 1e-4,
    "deeplift_reveal_cancel": 1e-4,
    "deep_shap": 1e-4,
}

if __name__ == "__main__":
    network = make()
    print(f"accuracy on {HELD_OUT} held-out images: {accuracy(network):.1%}")
    assert accuracy(network) >= 0.95

    x, digit = (part[-4:] for part in images())
    background = images()[0][:20]
    for name, method in ta.METHODS.items():
        baselines = background if method.references else None
        result = ta.attribute(name, network, x, baselines, target=digit)
        gap = float(result.relative_gap.max())
        print(f"{name:<24} |f(x) − f(b) − Σ scores| / Σ|scores| = {gap:.1e}")
        assert gap < PROMISED.get(name, float("inf")), name

"""The classes of `compat.captum` against captum's own, on small networks; and what one call costs at least.

Each class was called before on the same network, as in a loop over a data set: what is made once is made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import AtMostFloor, Case, Computation, Contest, FasterThanPeer
from benchmarks.nested import forwards_and_backwards
from taylorattr.compat import captum as drop_in

BATCH = 8
"""Examples in a call."""

FLOOR = "one forward and one backward pass of the batch, rows × samples or references"

AS_FAST = FasterThanPeer(0.83, "captum")
SAMPLED = FasterThanPeer(1, "captum")

Network = Callable[[], tuple[nn.Module, Tensor]]


def perceptron() -> tuple[nn.Module, Tensor]:
    """Return an MLP 20-64-5 with ReLUs and a batch for it, float32."""
    layers = nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5)
    return networks.finished(nn.Sequential(*layers)).float(), networks.seeded(BATCH, 20).float()


def convolutional() -> tuple[nn.Module, Tensor]:
    """Return a network of two convolutions and a batch of 28×28 images for it, float32."""
    layers = (
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 10),
    )  # fmt: skip
    return networks.finished(nn.Sequential(*layers)).float(), networks.seeded(BATCH, 1, 28, 28).float()


NETWORKS: Mapping[str, Network] = {"MLP 20-64-5": perceptron, "CNN 28×28": convolutional}


def made(library: Any, name: str, network: nn.Module) -> Any:
    """Return an object of a class of captum's or of ours; ``outer(inner)`` wraps one in the other."""
    outer, _, inner = name.rstrip(")").partition("(")
    if inner:
        return getattr(library, outer)(made(library, inner, network))
    if outer in ("LayerGradCam", "GuidedGradCam"):
        return getattr(library, outer)(network, next(network.children()))
    return getattr(library, outer)(network)


def contest(name: str, network: Network, copies: int = 1, **options: Any) -> Contest:
    """Return a class against captum's on one network.

    Args:
        name: Of the class.
        network: Makes a network and a batch.
        copies: Rows of each example that any implementation runs.
        **options: Of ``attribute``; a function is called with the batch first.
    """
    model, x = network()
    options = {key: value(x) if callable(value) else value for key, value in options.items()}

    def computation(library: Any) -> Computation:
        # each has a model of its own: captum writes to its layers, which makes ours look anew
        attribution = made(library, name, copy.deepcopy(model))
        return lambda: attribution.attribute(x, target=1, **options).detach()

    library, theirs = peers.load("captum.attr"), {}
    if library is not None:
        theirs["captum"] = computation(library)
        try:
            theirs["captum"]()
        except TypeError:  # captum's LRP has no rule for a layer that flattens
            theirs.clear()
    floor = forwards_and_backwards(model, BATCH * copies, x[:1])
    return Contest(ours=computation(drop_in), floor=floor, peers=theirs)


def references(count: int) -> Callable[[Tensor], Tensor]:
    """Return what makes so many references for a batch."""
    return lambda x: networks.seeded(count, *x.shape[1:], seed=2).to(x)


def pixels(x: Tensor) -> Tensor:
    """Return a feature mask of at most 20 features."""
    count = x[0].numel()
    return (torch.arange(count) * min(count, 20) // count).reshape(1, *x.shape[1:])


def window(x: Tensor) -> tuple[int, ...]:
    """Return a window of 3 of 20 numbers, or of 7 × 7 pixels."""
    return (3,) if x.ndim == 2 else (1, 7, 7)


CLASSES: tuple[tuple[str, dict[str, Any], int, tuple[FasterThanPeer, ...]], ...] = (
    ("Saliency", {}, 1, (AS_FAST,)),
    ("InputXGradient", {}, 1, (AS_FAST,)),
    ("IntegratedGradients", {"n_steps": 50}, 50, (AS_FAST,)),
    ("GradientShap", {"baselines": references(8), "n_samples": 200}, 200, (SAMPLED,)),
    ("GradientShap", {"baselines": references(8), "n_samples": 2000}, 2000, (SAMPLED,)),
    ("NoiseTunnel(Saliency)", {"nt_samples": 200}, 200, (SAMPLED,)),
    ("DeepLift", {}, 1, (AS_FAST,)),
    ("DeepLiftShap", {"baselines": references(4)}, 4, (SAMPLED,)),
    ("DeepLiftShap", {"baselines": references(64)}, 64, (SAMPLED,)),
    ("LRP", {}, 1, (AS_FAST,)),
    ("GuidedBackprop", {}, 1, (AS_FAST,)),
    ("Deconvolution", {}, 1, (AS_FAST,)),
    ("FeatureAblation", {"feature_mask": pixels}, 10, (AS_FAST,)),
    ("FeatureAblation", {"feature_mask": pixels, "perturbations_per_eval": 20}, 10, (SAMPLED,)),
    ("Occlusion", {"sliding_window_shapes": window, "perturbations_per_eval": 16}, 20, (SAMPLED,)),
    ("ShapleyValueSampling", {"feature_mask": pixels, "n_samples": 25}, 250, (SAMPLED,)),
    ("KernelShap", {"feature_mask": pixels, "n_samples": 50}, 25, (SAMPLED,)),
)
"""Class, options of ``attribute``, copies of each example in the floor, goals."""

LAYERS: tuple[tuple[str, dict[str, Any]], ...] = (("LayerGradCam", {}), ("GuidedGradCam", {}))
"""Classes that need a layer with positions."""


def item(name: str, options: Mapping[str, Any], on: str) -> str:
    """Return the name of a row."""
    counts = [f"{key}={value}" for key, value in options.items() if isinstance(value, int)]
    if name == "DeepLiftShap":
        counts.append(f"{len(options['baselines'](torch.zeros(1, 1)))} references")
    return f"{', '.join([name, *counts])}, {on}, second call"


def one_call(method: str, **options: Any) -> Contest:
    """Return one call of a function on a small network, everything made anew."""
    model, x = perceptron()
    floor = forwards_and_backwards(model, BATCH, x[:1])
    return Contest(ours=lambda: ta.attribute(method, model, x, target=1, **options), floor=floor)


def one_table() -> Contest:
    """Return one call of ``harsanyi`` with six players beside its 2⁶ forwards per example."""
    model, x = perceptron()
    players = pixels(x)[0] % 6
    rows = x[:1].repeat(BATCH * 2**6, 1)

    def forwards() -> None:
        with torch.no_grad():
            model(rows)

    return Contest(ours=lambda: ta.harsanyi(model, x, target=1, players=players), floor=forwards)


CASES = (
    *(
        Case(
            item(name, options, on), partial(contest, name, network, copies, **options), goals,
            quick=name in ("Saliency", "DeepLift"), floor=FLOOR,
        )
        for on, network in NETWORKS.items()
        for name, options, copies, goals in CLASSES
    ),
    *(
        Case(
            item(name, options, "CNN 28×28"), partial(contest, name, convolutional, **options), (AS_FAST,),
            floor=FLOOR,
        )
        for name, options in LAYERS
    ),
    *(
        Case(f"one call of {method}, MLP 20-64-5", partial(one_call, method), floor=FLOOR)
        for method in ("gradient_x_input", "lrp_epsilon", "integrated_gradients", "deeplift_rescale")
    ),
    Case("one call of harsanyi, 6 players, MLP 20-64-5", one_table, (AtMostFloor(30),), floor=FLOOR),
)  # fmt: skip

"""Relevance methods as multiples of one forward and backward pass, against captum where it is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import AtMostFloor, Case, Computation, Contest, DifferenceAtMost, relative
from benchmarks.nested import forwards_and_backwards

BATCH = 8
"""Images in a call, of every side."""

FLOOR = "one forward and one backward pass of the batch"


def ours(method: str, network: nn.Module, x: Tensor, baselines: Tensor | None, **options: Any) -> Computation:
    """Return our scores."""
    return lambda: ta.attribute(method, network, x, baselines, **options).scores


def captum_lrp(network: nn.Module, x: Tensor) -> Computation | None:
    """Return captum's LRP-ε, its default for every layer; None where captum is absent."""
    library = peers.load("captum.attr")
    if library is None:
        return None
    method = library.LRP(network)
    return lambda: method.attribute(x).detach()


def captum_deep_lift(network: nn.Module, x: Tensor) -> Computation | None:
    """Return captum's Rescale, None where captum is absent."""
    library = peers.load("captum.attr")
    if library is None:
        return None
    method = library.DeepLift(network)
    return lambda: method.attribute(x).detach()


def difference(results: Mapping[str, Any]) -> float | None:
    """Compare with captum, relative to the largest score."""
    if "captum" not in results:
        return None
    return relative(results["ours"], results["captum"])


def incompleteness(network: nn.Module, x: Tensor) -> Callable[[Mapping[str, Any]], float]:
    """Return what finds our largest completeness error against baseline 0, relative to Σ|scores|."""
    with torch.no_grad():
        delta = network(x) - network(torch.zeros_like(x[:1]))

    def completeness_error(results: Mapping[str, Any]) -> float:
        scores = results["ours"].flatten(1)
        return float(((scores.sum(1) - delta).abs() / scores.abs().sum(1)).max())

    return completeness_error


def vgg() -> tuple[nn.Module, Tensor]:
    """Return the VGG-like network and a batch for it, float32."""
    return networks.vgg().float(), networks.seeded(BATCH, 3, 64, 64).float()


def lrp_contest(method: str, peer: bool = False, **options: Any) -> Contest:
    """Return the contest of a rule of LRP; ``peer`` asks for captum's LRP-ε beside it."""
    network, x = vgg()
    theirs = captum_lrp(network, x) if peer else None
    return Contest(
        ours=ours(method, network, x, None, **options),
        floor=forwards_and_backwards(network, BATCH, x[:1]),
        peers={} if theirs is None else {"captum": theirs},
        difference=difference if peer else None,
    )


def deep_lift_contest(method: str, peer: bool = False) -> Contest:
    """Return the contest of a complete method from baseline 0; the difference is our completeness error."""
    network, x = vgg()
    theirs = captum_deep_lift(network, x) if peer else None
    return Contest(
        ours=ours(method, network, x, torch.zeros_like(x[:1])),
        floor=forwards_and_backwards(network, BATCH, x[:1]),
        peers={} if theirs is None else {"captum": theirs},
        difference=incompleteness(network, x),
    )


def memory_contest(method: str, **options: Any) -> Contest:
    """Return the contest on a ResNet-18-like network and one 3×224×224 image: its memory is of interest.

    The bare forward and backward pass is a peer as well, since the memory of peers is measured.
    """
    network = networks.resnet().float()
    x = networks.seeded(1, 3, 224, 224).float()
    plain = forwards_and_backwards(network, 1, x)
    return Contest(ours=ours(method, network, x, None, **options), floor=plain, peers={"f+b": plain})


CASES = (
    Case(
        "LRP-ε, VGG-like 3×64×64, batch 8",
        partial(lrp_contest, "lrp_epsilon", peer=True, epsilon=1e-9),
        (AtMostFloor(1.2),),
        quick=True,
        floor=FLOOR,
    ),
    Case(
        "LRP-α1β0, VGG-like 3×64×64, batch 8",
        partial(lrp_contest, "lrp_alpha_beta", alpha=1.0),
        (AtMostFloor(1.6),),
        floor=FLOOR,
    ),
    Case(
        "Deep Taylor z⁺, VGG-like 3×64×64, batch 8",
        partial(lrp_contest, "deep_taylor"),
        (AtMostFloor(1.6),),
        floor=FLOOR,
    ),
    Case(
        "DeepLIFT Rescale, VGG-like 3×64×64, batch 8",
        partial(deep_lift_contest, "deeplift_rescale", peer=True),
        (AtMostFloor(1.5), DifferenceAtMost(1e-4)),
        floor=FLOOR,
    ),
    Case(
        "DeepLIFT RevealCancel, VGG-like 3×64×64, batch 8",
        partial(deep_lift_contest, "deeplift_reveal_cancel"),
        (AtMostFloor(4), DifferenceAtMost(1e-4)),
        floor=FLOOR,
    ),
    Case(
        "Deep SHAP, one reference, VGG-like 3×64×64, batch 8",
        partial(deep_lift_contest, "deep_shap"),
        (DifferenceAtMost(1e-4),),
        floor=FLOOR,
    ),
    Case(
        "memory of LRP-ε, ResNet-18-like 3×224×224",
        partial(memory_contest, "lrp_epsilon"),
        (),
        floor=FLOOR,
    ),
    Case(
        "memory of DeepLIFT RevealCancel, ResNet-18-like 3×224×224",
        partial(memory_contest, "deeplift_reveal_cancel"),
        (),
        floor=FLOOR,
    ),
)

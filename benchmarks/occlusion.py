"""Occlusion of single pixels and of patches, against the bare forward passes and captum."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import AtMostFloor, Case, Computation, Contest, relative
from benchmarks.nested import forwards

SIDE = 28
"""Pixels of the image, each way."""

PERTURBATIONS_PER_CALL = 64
"""Perturbations per model call of the tuned peer: the fastest of 16, 64, 256 and 784 here."""


def captum_occlusion(
    network: torch.nn.Module, x: torch.Tensor, window: int, stride: int, per_call: int
) -> Computation | None:
    """Return captum's occlusion of windows over all channels, None where captum is absent."""
    captum = peers.load("captum.attr")
    if captum is None:
        return None
    shape = (x.shape[1], window, window)
    method = captum.Occlusion(network)
    return lambda: method.attribute(x, shape, (x.shape[1], stride, stride), perturbations_per_eval=per_call)


def difference(results: Mapping[str, Any]) -> float | None:
    """Compare with captum, relative to the largest score."""
    differences = [
        relative(results["ours"], scores) for name, scores in results.items() if name.startswith("captum")
    ]
    return max(differences, default=None)


def contest(window: int, stride: int) -> Contest:
    """Return the contest for a convolutional network on one 28×28 image, for square windows."""
    network, x = networks.cnn(), networks.seeded(1, 1, SIDE, SIDE)
    count = len(range(0, SIDE - window + stride, stride)) ** 2
    theirs = {
        "captum": captum_occlusion(network, x, window, stride, 1),
        "captum tuned": captum_occlusion(network, x, window, stride, PERTURBATIONS_PER_CALL),
    }

    def ours() -> torch.Tensor:
        if window == 1:
            scores = ta.attribute("occlusion_1", network, x).scores
        else:
            scores = ta.attribute("occlusion_patch", network, x, window=window, stride=stride).scores
        assert isinstance(scores, torch.Tensor)
        return scores

    return Contest(
        ours=ours,
        floor=forwards(network, count, x, chunk=PERTURBATIONS_PER_CALL),
        peers={name: computation for name, computation in theirs.items() if computation is not None},
        difference=difference,
    )


FLOOR = "plain forwards, 64 at a time"

CASES = (
    Case("occlusion, 7×7 patches of 28×28, stride 3", partial(contest, 7, 3), (), quick=True, floor=FLOOR),
    Case("occlusion, each pixel of 28×28", partial(contest, 1, 1), (AtMostFloor(1.1),), floor=FLOOR),
)

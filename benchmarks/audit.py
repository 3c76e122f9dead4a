"""The audit as a multiple of the 2ⁿ attributions it cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks
from benchmarks.contest import AtMostFloor, Case, Contest, DifferenceAtMost
from taylorattr.analysis.question import Question
from taylorattr.criteria.audit.coalitions import full_masks, masked_rows

FLOOR = "the attributions of all 4096 masked inputs, in calls of the fastest size of 128 … 4096"


def deficit(results: Mapping[str, Any]) -> float:
    """Return the measured deficit: that of a complete rule is rounding."""
    return float(results["ours"].deficit.max())


def floor(network: nn.Module, x: Tensor, method: str, size: int, **shared: Any) -> Callable[[], object]:
    """Return what asks the method for the scores of every masked input, so many a call, and keeps nothing."""
    game = Question(network, x, **shared).game
    (rows,) = masked_rows(game, full_masks(game.n), 0)

    def attributions() -> None:
        for start in range(0, len(rows), size):
            ta.attribute(method, network, rows[start : start + size], dtype=torch.float64, **shared)

    return attributions


def contest(network: nn.Module, x: Tensor, method: str, size: int, **shared: Any) -> Contest:
    """Return the contest of one method on one network."""
    return Contest(
        ours=lambda: ta.audit(method, network, x, **shared),
        floor=floor(network, x, method, size, **shared),
        difference=deficit,
    )


def on_mlp(method: str) -> Contest:
    """Return the contest on a GELU network of 12 inputs."""
    return contest(networks.mlp((12, 256, 256)), networks.seeded(1, 12), method, 2048)


def on_digits(method: str) -> Contest:
    """Return the contest on a CNN for digits of 28×28 pixels, 12 patches of 7 rows and 9 or 10 columns."""
    row, column = torch.meshgrid(torch.arange(28) // 7, torch.arange(28) * 3 // 28, indexing="ij")
    players = ta.Players.from_mask((3 * row + column)[None])
    return contest(networks.cnn(), networks.seeded(1, 1, 28, 28), method, 256, players=players)


CASES = (
    Case(
        "audit of DeepLIFT Rescale, MLP, 12 players",
        partial(on_mlp, "deeplift_rescale"),
        (AtMostFloor(1.2), DifferenceAtMost(1e-9)),
        quick=True,
        floor=FLOOR,
    ),
    Case(
        "audit of DeepLIFT Rescale, digits CNN, 12 patches",
        partial(on_digits, "deeplift_rescale"),
        (AtMostFloor(1.2), DifferenceAtMost(1e-9)),
        floor=FLOOR,
    ),
)

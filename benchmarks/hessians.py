"""Hessians with many inputs, against torch.func.hessian and n forward and backward passes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks
from benchmarks.contest import AtMostFloor, Case, Contest, DifferenceAtMost, relative
from benchmarks.nested import forwards_and_backwards

PEER = "torch.func.hessian"


def difference(results: Mapping[str, Any]) -> float:
    """Compare all entries."""
    return relative(results["ours"], results[PEER])


def contest(network: nn.Module, x: Tensor) -> Contest:
    """Return the contest at the point x, shape (1, …)."""
    hessian = torch.func.hessian(lambda row: network(row[None]).squeeze(0))
    return Contest(
        ours=lambda: ta.hessian(network, x),
        floor=forwards_and_backwards(network, x.numel(), x, chunk=64),
        peers={PEER: lambda: hessian(x[0])},
        difference=difference,
    )


def convolutional() -> Contest:
    """Return the contest for a smooth convolutional network on 784 pixels."""
    return contest(networks.cnn((16, 32), max_pool=False), networks.seeded(1, 1, 28, 28))


def dense(n: int) -> Contest:
    """Return the contest for an n-256-256-1 GELU network."""
    return contest(networks.mlp((n, 256, 256)), networks.seeded(1, n))


FLOOR = "n forwards and backwards"
GOALS = (AtMostFloor(1.25), DifferenceAtMost(1e-10))

CASES = (
    Case("Hessian, MLP 100", partial(dense, 100), (), quick=True, floor=FLOOR),
    Case("Hessian, MLP 1000", partial(dense, 1000), GOALS, floor=FLOOR),
    Case("Hessian, CNN 784", convolutional, GOALS, floor=FLOOR),
)

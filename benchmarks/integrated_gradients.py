"""Integrated Gradients with 64 nodes and by pieces, against the bare forwards and backwards and captum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import (
    AtMostFloor,
    Case,
    Computation,
    Contest,
    DifferenceAtMost,
    FasterThanPeer,
    relative,
)
from benchmarks.nested import forwards_and_backwards
from taylorattr import toys

NODES = 64
"""Of the quadrature along the path, ours and the peer's."""

STEPS_AT_KINKS = 1024
"""Nodes of the peer on a network with kinks, where every rule converges like 1/nodes."""

ROWS_PER_CALL = 1024
"""Rows per model call of the floor and of the tuned peer, small networks: the fastest of 256 to 2048 here."""

ROWS_PER_CALL_CNN, ROWS_PER_CALL_RESNET = 256, 64
"""The same for images: the fastest of 8, 16, 32, 64 and 256 here."""


def ours(network: nn.Module, x: torch.Tensor, **options: Any) -> Computation:
    """Return our scores."""
    return lambda: ta.attribute("integrated_gradients", network, x, **options).scores


def captum(
    network: nn.Module, x: torch.Tensor, nodes: int, rows: int = ROWS_PER_CALL
) -> dict[str, Computation]:
    """Return captum's scores by nodes in chunks, nothing where captum is absent."""
    library = peers.load("captum.attr")
    if library is None:
        return {}
    method = library.IntegratedGradients(network)
    return {"captum": lambda: method.attribute(x, n_steps=nodes, internal_batch_size=rows)}


def difference(results: Mapping[str, Any]) -> float | None:
    """Compare with captum, relative to the largest score; it holds its nodes in float32."""
    if "captum" not in results:
        return None
    return relative(results["ours"], results["captum"])


def smooth(build: Callable[[], nn.Module], batch: int, *shape: int, rows: int = ROWS_PER_CALL) -> Contest:
    """Return the contest for a network with 64 nodes, float32."""
    network, x = build().float(), networks.seeded(batch, *shape).float()
    return Contest(
        ours=ours(network, x, n_steps=NODES),
        floor=forwards_and_backwards(network, NODES * batch, x[:1], chunk=rows),
        peers=captum(network, x, NODES, rows),
        difference=difference,
    )


def kinked() -> Contest:
    """Return the contest for a ReLU network by pieces; the difference is our completeness error."""
    network = networks.Squeezed(toys.mlp((16, 256, 256, 1), "relu", dtype=torch.float64))
    x = networks.seeded(64, 16)
    delta = (network(x) - network(torch.zeros_like(x))).detach()

    def incomplete(results: Mapping[str, Any]) -> float:
        scores = results["ours"]
        return float(((scores.sum(1) - delta).abs() / scores.abs().sum(1)).max())

    return Contest(
        ours=ours(network.eval(), x, mode="exact"),
        floor=None,
        peers={
            f"{name} {STEPS_AT_KINKS} steps": run for name, run in captum(network, x, STEPS_AT_KINKS).items()
        },
        difference=incomplete,
    )


FLOOR = f"forwards and backwards of {NODES} nodes"

CASES = (
    Case(
        "Integrated Gradients, MLP 16 inputs, batch 8",
        partial(smooth, partial(networks.mlp, (16, 256, 256)), 8, 16),
        (),
        quick=True,
        floor=FLOOR,
    ),
    Case(
        "Integrated Gradients, MLP 16 inputs, batch 256",
        partial(smooth, partial(networks.mlp, (16, 256, 256)), 256, 16),
        (AtMostFloor(1.4),),
        floor=FLOOR,
    ),
    Case(
        "Integrated Gradients, MLP 784 inputs, batch 256",
        partial(smooth, partial(networks.mlp, (784, 256, 256)), 256, 784),
        (AtMostFloor(0.5),),
        floor=FLOOR,
    ),
    Case(
        "Integrated Gradients, CNN 28×28, batch 8",
        partial(smooth, networks.cnn, 8, 1, 28, 28, rows=ROWS_PER_CALL_CNN),
        (FasterThanPeer(1, "captum"),),
        floor=FLOOR,
    ),
    Case(
        "Integrated Gradients, ResNet 3×32×32, batch 8",
        partial(smooth, networks.small_resnet, 8, 3, 32, 32, rows=ROWS_PER_CALL_RESNET),
        (FasterThanPeer(1, "captum"),),
        floor=FLOOR,
    ),
    Case(
        "Integrated Gradients of a ReLU network, by pieces",
        kinked,
        (FasterThanPeer(1, f"captum {STEPS_AT_KINKS} steps"), DifferenceAtMost(1e-12)),
    ),
)

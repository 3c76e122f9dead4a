"""PruneGrad as a multiple of one forward and backward pass, beside the plain gradient's own call."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks
from benchmarks.contest import AtMostFloor, Case, Contest
from taylorattr.analysis.question import Question
from taylorattr.methods.extra.pruned_networks import PrunedNetworks, Settings

BATCH = 32
"""Images in a call; 16 go through the network at a time, of every side."""

AT_A_TIME = 16

SPARSITY = 0.9

FLOOR = "one forward and one backward pass of the batch"


def vgg() -> tuple[nn.Module, Tensor]:
    """Return the VGG-like network and a batch for it, float32."""
    return networks.vgg().float(), networks.seeded(BATCH, 3, 64, 64).float()


def plain(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Return the gradient of every image."""
    rows = (part.clone().requires_grad_() for part in x.split(AT_A_TIME))
    return [torch.autograd.grad(network(part).sum(), part)[0] for part in rows]


def maps_alone() -> Contest:
    """Return the contest of the maps and their report, the model being copied and checked already."""
    network, x = vgg()
    entry = ta.SYSTEMS["prune_grad"]
    question = Question(network, x, dtype=None, internal_batch_size=AT_A_TIME)
    question.game.scalar.established.add("gradient")
    options: dict[str, Any] = entry.options | {"sparsity": SPARSITY}
    settings = Settings(**options)
    return Contest(
        ours=lambda: PrunedNetworks(question, settings, SPARSITY).pruned(with_masks=False)[0],
        floor=lambda: plain(network, x),
    )


def whole_call() -> Contest:
    """Return the contest of a whole call, with its copy and checks, beside that of the plain gradient."""
    network, x = vgg()
    options: dict[str, Any] = {"internal_batch_size": AT_A_TIME}
    return Contest(
        ours=lambda: ta.attribute("prune_grad", network, x, sparsity=SPARSITY, **options).scores,
        floor=lambda: plain(network, x),
        peers={
            "gradient_x_input": lambda: (
                ta.attribute("gradient_x_input", network, x, multiply_by="none", **options).scores
            )
        },
    )


CASES = (
    Case(
        "PruneGrad maps, VGG-like 3×64×64, batch 32",
        maps_alone,
        (AtMostFloor(2.3),),
        quick=True,
        floor=FLOOR,
    ),
    Case("PruneGrad, a whole call, VGG-like 3×64×64, batch 32", whole_call, floor=FLOOR),
)

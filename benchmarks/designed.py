"""Designed rules against the built-in methods they are cousins of: the same work, so the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

import taylorattr as ta
from benchmarks import networks
from benchmarks.contest import AtMostFloor, Case, Contest, DifferenceAtMost, relative
from benchmarks.nested import forwards_and_backwards

NODES = 32
"""Of the quadrature along the path, on both sides."""


def measure(build: Callable[[], nn.Module], batch: int, *shape: int) -> Contest:
    """Return the contest of a Beta measure on the path against Integrated Gradients with as many nodes."""
    network, x = build().float(), networks.seeded(batch, *shape).float()
    rule = ta.design.measure("beta:2,1", name="benchmark_measure")
    return Contest(
        ours=lambda: rule(network, x, n_steps=NODES).scores,
        floor=lambda: ta.attribute("integrated_gradients", network, x, n_steps=NODES).scores,
        peers={"bare passes": forwards_and_backwards(network, NODES * batch, x[:1], chunk=64)},
    )


def semivalue(players: int) -> Contest:
    """Return the contest of a semivalue by all coalitions against exact Shapley values."""
    network, x = networks.mlp((players, 256, 256)).double(), networks.seeded(1, players)
    rule = ta.design.semivalue(omega=[2.0] + [0.5] * (players - 1), name="benchmark_semivalue")

    def difference(results: Mapping[str, Any]) -> float:
        """Compare with the definition: weighted effects."""
        effects = ta.harsanyi(network, x)
        reference = ta.allocate(rule.rule, effects).player_scores
        return relative(results["ours"].cpu(), reference)

    return Contest(
        ours=lambda: rule(network, x).player_scores,
        floor=lambda: ta.attribute("shapley", network, x, algorithm="exact").player_scores,
        difference=difference,
    )


def restricted(players: int) -> Contest:
    """Return the contest of Integrated Gradients kept to pairs against all 2^n masked attributions."""
    network, x = networks.mlp((players, 256, 256)).double(), networks.seeded(1, players)
    rule = ta.design.restrict("integrated_gradients", size=2, name="benchmark_pairs")
    masks = (torch.arange(1 << players)[:, None] >> torch.arange(players)) & 1
    rows = masks.to(torch.float64) * x

    def all_masked() -> torch.Tensor:
        return ta.attribute("integrated_gradients", network, rows).player_scores

    return Contest(ours=lambda: rule(network, x).player_scores, floor=all_masked)


CASES = (
    Case(
        "measure rule Beta(2, 1), MLP 16 inputs, batch 8",
        partial(measure, partial(networks.mlp, (16, 256, 256)), 8, 16),
        (),
        quick=True,
        floor=f"Integrated Gradients, {NODES} nodes",
    ),
    Case(
        "measure rule Beta(2, 1), ResNet 3×32×32, batch 8",
        partial(measure, networks.small_resnet, 8, 3, 32, 32),
        (AtMostFloor(1.1),),
        floor=f"Integrated Gradients, {NODES} nodes",
    ),
    Case(
        "designed semivalue, 16 players",
        partial(semivalue, 16),
        (AtMostFloor(1.1), DifferenceAtMost(1e-9)),
        floor="exact Shapley values",
    ),
    Case(
        "Integrated Gradients restricted to pairs, 10 players",
        partial(restricted, 10),
        (AtMostFloor(1.2),),
        floor="2¹⁰ masked attributions",
    ),
)

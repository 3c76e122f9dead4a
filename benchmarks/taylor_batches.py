"""`ta.decompose` of many examples, and the price of its diagnosis.

The floor of a batch is the same call with one of its examples, that of the diagnosis the same call without.
A long step has verdicts that the first ray decides, a short one those that need them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import architectures, networks
from benchmarks.contest import AtMostFloor, Case, Contest


def batch(examples: int) -> Contest:
    """Return the contest of a batch with one of its examples, at one baseline, every element a player."""
    network, x = networks.mlp((16, 256, 256)), networks.seeded(examples, 16)
    return Contest(
        ours=lambda: ta.decompose(network, x, order=3),
        floor=lambda: ta.decompose(network, x[:1], order=3),
    )


def diagnosed(make: Callable[[], nn.Module], x: Tensor, players: Tensor | None, scale: float) -> Contest:
    """Return the contest of a call with diagnosis with one without; `scale` times the input is explained."""
    network, x = make(), scale * x

    def call(diagnose: bool) -> ta.TaylorEffects:
        return ta.decompose(network, x, order=2, players=players, with_tails=False, diagnose=diagnose)

    return Contest(ours=lambda: call(True), floor=lambda: call(False))


def rows(tokens: int, width: int) -> Tensor:
    """Return the mask by which every token is a player, shape (tokens, width)."""
    return torch.arange(tokens)[:, None].expand(tokens, width)


def patches() -> Tensor:
    """Return 2×3 patches of 3×32×32 images as a mask."""
    side = torch.arange(32)
    return ((side // 16)[:, None] * 3 + (side // 11).clamp(max=2)).expand(3, 32, 32)


NETWORKS = {
    "6-layer transformer, n = 8": (architectures.sequence_transformer, (8, 64), partial(rows, 8, 64)),
    "EfficientNet blocks, n = 6": (architectures.efficient_net, (3, 32, 32), patches),
    "3-layer LSTM, n = 10": (architectures.lstm, (10, 8), partial(rows, 10, 8)),
    "FT-Transformer, n = 10": (architectures.ft_transformer, (10,), lambda: None),
    "Mamba blocks, n = 8": (architectures.mamba, (8, 16), partial(rows, 8, 16)),
}
"""Name -> network, shape of an input, players."""


def of_network(name: str, scale: float) -> Contest:
    """Return the contest of the diagnosis on one of `NETWORKS`."""
    make, shape, players = NETWORKS[name]
    return diagnosed(make, networks.seeded(1, *shape), players(), scale)


ONE = "one example"
WITHOUT = "diagnose=False"

CASES = (
    Case("decompose K = 3, n = 16: 64 examples", partial(batch, 64), (AtMostFloor(3),), True, floor=ONE),
    Case("decompose K = 3, n = 16: 512 examples", partial(batch, 512), (AtMostFloor(8),), floor=ONE),
    *(
        Case(f"diagnosis, {name}, {kind}", partial(of_network, name, scale), (AtMostFloor(3),), floor=WITHOUT)
        for name in NETWORKS
        for kind, scale in (("long step", 1.0), ("short step", 0.1))
    ),
)

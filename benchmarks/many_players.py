"""Interactions among hundreds of players, against all pairs by masked forwards and shapiq's SPEX."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import AtMostFloor, Case, Computation, Contest, DifferenceAtMost, FasterThanPeer
from benchmarks.nested import forwards

TERMS, LARGEST = 20, 4
"""Effects of the sparse game, and players of the largest."""

TOP = 100
"""Pairs that have to be found among all."""


class SparseGame(nn.Module):
    """Σ_k c_k Π_{i∈S_k} x_i over a few coalitions, (R, n) -> (R,)."""

    def __init__(self, n: int, seed: int = 0) -> None:
        super().__init__()
        generator = np.random.default_rng(seed)
        self.terms: dict[tuple[int, ...], float] = {}
        while len(self.terms) < TERMS:
            size = int(generator.integers(1, LARGEST + 1))
            players = tuple(sorted(int(i) for i in generator.choice(n, size, replace=False)))
            self.terms[players] = float(generator.normal())
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the value of each row."""
        parts = [c * x[:, list(players)].prod(1) for players, c in self.terms.items()]
        return torch.stack(parts).sum(0)


def all_pairs(network: nn.Module, x: Tensor) -> Computation:
    """Return the effects of every |S| ≤ 2."""
    return lambda: ta.harsanyi(network, x, max_order=2, max_evaluations=None)


def spex(network: nn.Module, x: Tensor) -> Computation | None:
    """Return shapiq's SPEX on the same game with the budget that its transform takes; None without shapiq."""
    if peers.load("shapiq") is None:
        return None
    return lambda: ta.interactions(network, x, way="shapiq:SPEX", index="FBII", order=LARGEST, budget=10_000)


def few_effects(n: int, with_spex: bool) -> Contest:
    """Return the contest on a game with few effects: recovered from outputs alone."""
    game, x = SparseGame(n), torch.ones(1, n, dtype=torch.float64)

    def difference(results: Mapping[str, Any]) -> float:
        found = results["ours"]
        listed = dict(zip(found.coalitions, found.values[0].tolist(), strict=True))
        missed = [listed.get(s, 0.0) - game.terms.get(s, 0.0) for s in {*listed, *game.terms}]
        return max(map(abs, missed)) / max(map(abs, game.terms.values()))

    theirs = spex(game, x) if with_spex else None
    return Contest(
        ours=lambda: ta.interactions(game, x, way="sparse", order=LARGEST),
        peers={"all pairs": all_pairs(game, x)} | ({"SPEX": theirs} if theirs is not None else {}),
        difference=difference,
    )


def largest_pairs(n: int) -> Contest:
    """Return the contest for the largest pairs of a dense network; the difference is the share not found."""
    network, x = networks.mlp((n, 256, 256)), networks.seeded(1, n)

    def difference(results: Mapping[str, Any]) -> float | None:
        if "all pairs" not in results:
            return None
        exact = results["all pairs"].order_values(2)[0].abs()
        first, second = np.triu_indices(n, 1)
        wanted = {(int(first[p]), int(second[p])) for p in exact.topk(TOP).indices.tolist()}
        return 1 - len(wanted & {entry.key for entry in results["ours"].top(TOP, order=2)[0]}) / TOP

    return Contest(
        ours=lambda: ta.interactions(network, x, top=TOP),
        floor=forwards(network, 4 * n, x),
        peers={"all pairs": all_pairs(network, x)},
        difference=difference,
    )


CASES = (
    Case(
        "20 effects of order ≤ 4, n=64",
        partial(few_effects, 64, False),
        (DifferenceAtMost(1e-9),),
        quick=True,
    ),
    Case(
        "20 effects of order ≤ 4, n=128",
        partial(few_effects, 128, True),
        (FasterThanPeer(10, "SPEX"), DifferenceAtMost(1e-9)),
    ),
    Case("20 effects of order ≤ 4, n=512", partial(few_effects, 512, False), (DifferenceAtMost(1e-9),)),
    Case(
        "100 largest of 4,950 pairs",
        partial(largest_pairs, 100),
        (DifferenceAtMost(0.02),),
        quick=True,
        floor="4·n plain forwards",
    ),
    Case(
        "100 largest of 499,500 pairs, n=1000",
        partial(largest_pairs, 1000),
        (AtMostFloor(10), FasterThanPeer(10, "all pairs"), DifferenceAtMost(0.02)),
        floor="4·n plain forwards",
    ),
)

"""A method beside its sum of effects, against what it is made of: the method, the effects, the allocation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

import taylorattr as ta
from benchmarks.contest import Case, Contest
from taylorattr.toys import mlp

PLAYERS, ORDER = 10, 4


def parts(method: str, network: torch.nn.Module, x: torch.Tensor) -> Callable[[], Any]:
    """Return the method, the effects and their allocation, without differences and bounds."""

    def of_terms() -> Any:
        ta.attribute(method, network, x, dtype=torch.float64)
        return ta.allocate(method, ta.decompose(network, x, order=ORDER, with_tails=False)).player_scores

    def of_coalitions() -> Any:
        ta.attribute(method, network, x, dtype=torch.float64)
        return ta.allocate(method, ta.harsanyi(network, x)).player_scores

    return of_coalitions if ta.RULES[method].granularity == "support" else of_terms


def contest(method: str, bound: bool) -> Contest:
    """Return the contest of one method on a tanh network 10–16–16–1."""
    network = mlp((PLAYERS, 16, 16, 1), "tanh", seed=0, dtype=torch.float64)
    x = 0.3 * torch.rand(1, PLAYERS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Contest(
        ours=lambda: ta.reformulate(method, network, x, order=ORDER, bound=bound).allocated.player_scores,
        floor=parts(method, network, x),
    )


FLOOR = "method, effects and allocation one after the other"

CASES = (
    Case(
        "reformulate integrated_gradients, n = 10, K = 4",
        partial(contest, "integrated_gradients", False),
        (),
        True,
        FLOOR,
    ),
    Case(
        "reformulate integrated_gradients, bound of the tail",
        partial(contest, "integrated_gradients", True),
        floor=FLOOR,
    ),
    Case("reformulate shapley, n = 10", partial(contest, "shapley", True), floor=FLOOR),
)

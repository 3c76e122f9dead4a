"""All 2ⁿ exact effects of a network, against the bare forward passes and shapiq's exact computation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import AtMostFloor, Case, Computation, Contest, FasterThanPeer, MemoryAtMost, relative
from benchmarks.nested import forwards


def shapiq_moebius(network: torch.nn.Module, x: torch.Tensor) -> Computation | None:
    """Return shapiq's exact Möbius transform of the masked network, None where shapiq is absent."""
    shapiq = peers.load("shapiq")
    if shapiq is None:
        return None
    n = x.shape[1]

    def game(coalitions: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(np.asarray(coalitions)).to(x.dtype) * x).numpy()

    return lambda: shapiq.ExactComputer(game, n_players=n)("Moebius", order=n)


def difference(results: Mapping[str, Any]) -> float | None:
    """Compare the tables, coalition by coalition."""
    if "shapiq" not in results:
        return None
    ours, theirs = results["ours"], results["shapiq"]
    table = ours.values[0].numpy()
    masks = np.array([sum(1 << int(i) for i in coalition) for coalition in theirs.interaction_lookup])
    listed = theirs.values[list(theirs.interaction_lookup.values())]
    return relative(table[masks[masks > 0]], listed[masks > 0])


def contest(n: int, with_shapiq: bool, dtype: torch.dtype = torch.float64) -> Contest:
    """Return the contest for an n-256-256-1 GELU network, every input a player."""
    network, x = networks.mlp((n, 256, 256)).to(dtype), networks.seeded(1, n).to(dtype)
    theirs = shapiq_moebius(network, x) if with_shapiq else None
    return Contest(
        ours=lambda: ta.harsanyi(network, x, dtype=dtype),
        floor=forwards(network, 2**n, x),
        peers={"shapiq": theirs} if theirs is not None else {},
        difference=difference,
    )


FLOOR = "2ⁿ plain forwards"

CASES = (
    Case("all effects, n=8", partial(contest, 8, True), (), quick=True, floor=FLOOR),
    Case("all effects, n=12", partial(contest, 12, True), (), quick=True, floor=FLOOR),
    Case(
        "all effects, n=16",
        partial(contest, 16, True),
        (AtMostFloor(1.15), FasterThanPeer(100, "shapiq")),
        floor=FLOOR,
    ),
    Case(
        "all effects, n=16, float32",
        partial(contest, 16, True, torch.float32),
        (AtMostFloor(1.15), FasterThanPeer(100, "shapiq")),
        floor=FLOOR,
    ),
    Case(
        "all effects, n=20",
        partial(contest, 20, False),
        (AtMostFloor(1.15), MemoryAtMost(64)),
        floor=FLOOR,
    ),
)

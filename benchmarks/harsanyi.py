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


def batch(examples: int, n: int) -> Contest:
    """Return the contest for many examples of few players, an n-256-256-1 GELU network."""
    network, x = networks.mlp((n, 256, 256)), networks.seeded(examples, n)
    return Contest(ours=lambda: ta.harsanyi(network, x), floor=forwards(network, examples << n, x[:1]))


def over_references(examples: int, n: int, count: int) -> Contest:
    """Return the contest for effects averaged over a reference set."""
    network, x, references = (
        networks.mlp((n, 256, 256)),
        networks.seeded(examples, n),
        networks.seeded(count, n),
    )
    floor = forwards(network, examples * count << n, x[:1])
    return Contest(ours=lambda: ta.harsanyi(network, x, references=references), floor=floor)


def several_outputs(examples: int, n: int, outputs: int) -> Contest:
    """Return the contest for all outputs of a network, the peer for one of them."""
    layers = (torch.nn.Linear(n, 256), torch.nn.GELU(), torch.nn.Linear(256, 256), torch.nn.GELU())
    network = networks.finished(torch.nn.Sequential(*layers, torch.nn.Linear(256, outputs)))
    x = networks.seeded(examples, n)
    return Contest(
        ours=lambda: ta.harsanyi(network, x, outputs="all"),
        floor=forwards(network, examples << n, x[:1]),
        peers={"one target": lambda: ta.harsanyi(network, x, target=0)},
    )


CALLS = 10
"""Model calls that a table of a hundred rows and six columns may take."""


def forest(examples: int, n: int) -> Contest:
    """Return the contest for a random forest of 100 trees, whose every call costs as much as many rows."""
    x, start = networks.seeded(examples, n), torch.zeros(1, n, dtype=torch.float64)
    ensemble = peers.load("sklearn.ensemble")
    if ensemble is None:
        return Contest(ours=lambda: None)
    trained = ensemble.RandomForestRegressor(random_state=0).fit(x.numpy(), x.prod(1).numpy())

    def predict(rows: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(trained.predict(rows.numpy()))

    def floor() -> None:
        predict(x.repeat(1 << n, 1))
        for _ in range(CALLS - 1):
            predict(x[:1])

    return Contest(ours=lambda: ta.harsanyi(predict, x, start), floor=floor)


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
    Case("all effects of 256 examples, n=6", partial(batch, 256, 6), (AtMostFloor(1.5),), True, FLOOR),
    Case(
        "effects of 8 examples over 50 references, n=6",
        partial(over_references, 8, 6, 50),
        (AtMostFloor(1.5),),
        floor=FLOOR,
    ),
    Case(
        "all effects of 100 rows, n=6, a random forest",
        partial(forest, 100, 6),
        (AtMostFloor(1.5),),
        floor="ten calls, one of them with the 6,400 rows",
    ),
    Case(
        "all effects of 64 examples, n=8, 10 outputs",
        partial(several_outputs, 64, 8, 10),
        (AtMostFloor(2), FasterThanPeer(0.5, "one target")),
        floor=FLOOR,
    ),
    Case(
        "all effects, n=20",
        partial(contest, 20, False),
        (AtMostFloor(1.15), MemoryAtMost(64)),
        floor=FLOOR,
    ),
)

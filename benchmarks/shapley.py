"""Exact Shapley values of 16 players, against the bare forward passes, shap and shapiq."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import AtMostFloor, Case, Computation, Contest, relative
from benchmarks.nested import forwards


def shap_values(network: torch.nn.Module, x: torch.Tensor) -> Computation | None:
    """Return shap's exact Shapley values, None where shap is absent."""
    shap = peers.load("shap")
    if shap is None:
        return None
    n = x.shape[1]

    def function(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(np.asarray(rows, dtype=np.float64))).numpy()

    shap.explainers.Exact(lambda rows: rows.sum(1), np.zeros((1, 2)))(np.ones((1, 2)))  # compiles: seconds
    explainer = shap.explainers.Exact(function, shap.maskers.Independent(np.zeros((1, n))))
    return lambda: explainer(x.numpy(), max_evals=2**n + 1).values[0]


def shapiq_values(network: torch.nn.Module, x: torch.Tensor) -> Computation | None:
    """Return shapiq's exact Shapley values, None where shapiq is absent."""
    shapiq = peers.load("shapiq")
    if shapiq is None:
        return None
    n = x.shape[1]

    def game(coalitions: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(np.asarray(coalitions, dtype=np.float64)) * x).numpy()

    def values() -> np.ndarray:
        result = shapiq.ExactComputer(game, n_players=n)("SV", order=1)
        return np.array([result[(i,)] for i in range(n)])

    return values


def difference(results: Mapping[str, Any]) -> float | None:
    """Compare with every peer, the worst counts."""
    differences = [relative(results["ours"], results[name]) for name in ("shap", "shapiq") if name in results]
    return max(differences, default=None)


def contest(n: int) -> Contest:
    """Return the contest for an n-256-256-1 GELU network, every input a player."""
    network, x = networks.mlp((n, 256, 256)), networks.seeded(1, n)

    def ours() -> np.ndarray:
        return ta.attribute("shapley", network, x, algorithm="exact").player_scores[0].numpy()

    theirs = {"shap": shap_values(network, x), "shapiq": shapiq_values(network, x)}
    return Contest(
        ours=ours,
        floor=forwards(network, 2**n, x),
        peers={name: computation for name, computation in theirs.items() if computation is not None},
        difference=difference,
    )


FLOOR = "2ⁿ plain forwards"

CASES = (
    Case("exact Shapley, n=8", partial(contest, 8), (), quick=True, floor=FLOOR),
    Case("exact Shapley, n=16", partial(contest, 16), (AtMostFloor(1.05),), floor=FLOOR),
)

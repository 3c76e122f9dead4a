"""Integrated Hessians of an n-256-256-1 GELU network, against a few Hessians' work and path_explain."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

import taylorattr as ta
from benchmarks import networks, peers
from benchmarks.contest import Case, Computation, Contest, DifferenceAtMost, FasterThanPeer, relative
from benchmarks.nested import forwards_and_backwards

HESSIANS = 5
"""Hessians along the path that the one-dimensional rule needs for this network."""

PATH_EXPLAIN_SAMPLES = 50
"""Points of path_explain's double sum: its default, which leaves an error of percents."""


def path_explain_interactions(network: torch.nn.Module, x: torch.Tensor) -> Computation | None:
    """Return path_explain's integrated Hessians, None where it is absent."""
    file = "path_explain/explainers/path_explainer_torch.py"
    library = peers.load_file("path-explain", file)  # the package itself imports tensorflow
    if library is None:
        return None
    network = copy.deepcopy(network).float()  # it accumulates in float32
    explainer = library.PathExplainerTorch(lambda rows: network(rows)[:, None])
    point, origin = x.float().requires_grad_(), torch.zeros(x.shape)
    return lambda: explainer.interactions(
        point, origin, num_samples=PATH_EXPLAIN_SAMPLES, use_expectation=False, verbose=False
    )


def by_double_sum(network: torch.nn.Module, x: torch.Tensor, nodes: int = 16) -> np.ndarray:
    """Return the published double integral by Gauss-Legendre in both path variables, baseline 0.

    Off the diagonal Δ_i Δ_j ∫∫ αβ ∂_ij f(αβ x) dα dβ; the diagonal adds Δ_i ∫∫ ∂_i f(αβ x) dα dβ, eq. (65).
    """
    where, weight = np.polynomial.legendre.leggauss(nodes)
    where, weight = (where + 1) / 2, weight / 2
    hessian = torch.func.hessian(lambda row: network(row[None]).squeeze(0))
    gradient = torch.func.grad(lambda row: network(row[None]).squeeze(0))
    n = x.shape[1]
    total = torch.zeros(n, n, dtype=x.dtype)
    for a, wa in zip(where, weight, strict=True):
        for b, wb in zip(where, weight, strict=True):
            point = a * b * x[0]
            total += wa * wb * a * b * torch.outer(x[0], x[0]) * hessian(point)
            total += wa * wb * (x[0] * gradient(point)).diag()
    return total.numpy()


def contest(n: int) -> Contest:
    """Return the contest for n inputs."""
    network, x = networks.mlp((n, 256, 256)), networks.seeded(1, n)
    reference = by_double_sum(network, x)
    theirs = path_explain_interactions(network, x)

    def difference(results: Mapping[str, Any]) -> float:
        return relative(results["ours"], reference)

    return Contest(
        ours=lambda: ta.integrated_hessians(network, x).values,
        floor=forwards_and_backwards(network, HESSIANS * n, x, chunk=n),
        peers={"path_explain": theirs} if theirs is not None else {},
        difference=difference,
    )


FLOOR = f"{HESSIANS}·n forwards and backwards"

CASES = (
    Case("Integrated Hessians, n=8", partial(contest, 8), (DifferenceAtMost(1e-6),), quick=True, floor=FLOOR),
    Case(
        "Integrated Hessians, n=64",
        partial(contest, 64),
        (FasterThanPeer(100, "path_explain"), DifferenceAtMost(1e-6)),
        floor=FLOOR,
    ),
)

"""Sharing effects out by a rule, against the bare matrix product with a table of ratios made beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

import taylorattr as ta
from benchmarks.contest import Case, Contest, relative
from taylorattr.allocation.allocate import blocks
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.maths.multi_index import count_up_to

Table = TaylorEffects | HarsanyiEffects


def common(values: torch.Tensor, n: int) -> dict[str, Any]:
    """Return the fields every table of effects has."""
    ones = torch.ones(len(values), dtype=torch.float64)
    names = tuple(f"x{j}" for j in range(n))
    return {"values": values, "names": names, "delta": ones, "f_input": ones, "f_baseline": 0 * ones}


def drawn(*shape: int) -> torch.Tensor:
    """Return effects drawn from a normal distribution, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def terms(n: int, order: int, batch: int) -> TaylorEffects:
    """Return a full table of Taylor effects."""
    return TaylorEffects(
        **common(drawn(batch, count_up_to(n, order)), n),
        order=order,
        frame="baseline",
        converged=torch.ones(batch, dtype=torch.bool),
        reasons=("drawn",) * batch,
    )


def coalitions(n: int, batch: int) -> HarsanyiEffects:
    """Return a full table of effects of coalitions."""
    return HarsanyiEffects(**common(drawn(batch, 1 << n), n), frame="baseline")


def difference(results: Mapping[str, Any]) -> float | None:
    """Compare the scores."""
    return relative(results["ours"], results["matrix product"])


def contest(rule: str, effects: Table, context: Mapping[str, Any] | None = None) -> Contest:
    """Return the contest of one rule on one table."""
    chosen = ta.RULES[rule]
    values = effects.values.numpy()
    size = len(chosen.receiver_names(effects.names, context))
    ratios = np.zeros((values.shape[1], size))
    for columns, kappas in blocks(effects, size):
        ratios[columns] = chosen.ratios(kappas, context)
    return Contest(
        ours=lambda: ta.allocate(rule, effects, context).player_scores.numpy(),
        floor=lambda: values @ ratios,
        peers={"matrix product": lambda: values @ ratios},
        difference=difference,
    )


def of_terms(rule: str, batch: int, context: Mapping[str, Any] | None = None) -> Contest:
    """Return the contest on 92377 terms of 10 players up to order 9."""
    return contest(rule, terms(10, 9, batch), context)


def of_coalitions(rule: str, batch: int, context: Mapping[str, Any] | None = None, n: int = 18) -> Contest:
    """Return the contest on the 2ⁿ coalitions of n players."""
    return contest(rule, coalitions(n, batch), context)


FLOOR = "matrix product with a ready table of ratios"

NOISE = {"sigma": np.full(10, 0.5), "Delta": np.arange(1.0, 11.0)}

CASES = (
    Case("integrated_gradients, 92377 terms", partial(of_terms, "integrated_gradients", 1), (), True, FLOOR),
    Case("integrated_gradients, the same × 64", partial(of_terms, "integrated_gradients", 64), floor=FLOOR),
    Case("smooth_grad, 92377 terms", partial(of_terms, "smooth_grad", 1, NOISE), floor=FLOOR),
    Case("integrated_hessians, 92377 terms", partial(of_terms, "integrated_hessians", 1), floor=FLOOR),
    Case("shapley, 2¹⁸ coalitions", partial(of_coalitions, "shapley", 1), (), True, FLOOR),
    Case("shapley, the same × 16", partial(of_coalitions, "shapley", 16), floor=FLOOR),
    Case("lime, 2¹⁸ coalitions", partial(of_coalitions, "lime", 1, {"pi": np.ones(19)}), floor=FLOOR),
    Case("k_sii, order 2, 2¹⁴ coalitions", partial(of_coalitions, "k_sii", 1, n=14), floor=FLOOR),
)

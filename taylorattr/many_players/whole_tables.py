"""All coalitions up to an order at once, by masked forwards or by second derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.integrated_hessians import integrated_hessians
from taylorattr.effects.taylor import decompose
from taylorattr.many_players.asked import Asked
from taylorattr.many_players.interaction_list import DERIVATIVE, MEASURED, Entries, Interactions, columns_of
from taylorattr.many_players.measured import stacked
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY
from taylorattr.maths.subsets import of_size


def exact_answers(
    asked: Asked, model: Any, inputs: Any, baselines: Any, shared: dict[str, Any]
) -> Interactions:
    """Return all coalitions up to the order, or an index of all 2^n, of every example."""
    game, index = asked.game, asked.index
    full = index != "Moebius"
    effects = harsanyi(
        model, inputs, baselines, max_order=None if full else asked.order, max_evaluations=None, **shared
    )
    assert effects.error_bound is not None
    order = 1 if index in VALUES_ONLY else asked.order
    table = effects.index(index, order) if full else effects
    bounds = _index_bounds(effects.error_bound, game.n, index, order) if full else effects.error_bound
    parts = []
    for example in range(game.batch):
        sizes = range(1, order + 1)
        rows = [
            (
                of_size(game.n, s),
                table.order_values(s)[example].double().numpy(),
                np.full(math.comb(game.n, s), float(bounds[example, s])),
            )
            for s in sizes
        ]
        parts.append(stacked(rows, MEASURED))
    looked = len(parts[0].values)
    what = f"every coalition of up to {order} players" if not full else f"all 2**{game.n} coalitions"
    facts = {"looked_at": looked, "sentence": f"{what} was measured" if not full else f"{what} were measured"}
    return _alike(
        parts,
        "exact",
        facts,
        complete=True,
        evaluations=asked.exact_count,
        index=index,
        order=order,
        of=effects,
    )


def _index_bounds(bound: Tensor, n: int, name: str, order: int) -> Tensor:
    """Return Σ_t |c(s, t)| C(n−s, t−s) bound(t), what rounding may do to an index, shape (B, order + 1)."""
    result = bound.new_zeros(len(bound), order + 1)
    for s in range(1, order + 1):
        for t in range(s, n + 1):
            result[:, s] += abs(float(INDICES[name](s, t, order))) * math.comb(n - s, t - s) * bound[:, t]
    return result


def derivative_answers(
    way: str, model: Any, inputs: Any, baselines: Any, shared: dict[str, Any]
) -> Interactions:
    """Return what second derivatives give of every pair and player."""
    if way == "hessian":
        shared = {**shared, "dtype": shared["dtype"] or torch.float64}
        effects = decompose(model, inputs, baselines, order=2, diagnose=False, with_tails=False, **shared)
        table = effects.interactions
        single, double = table.order_values(1), table.order_values(2)
        gaps = torch.zeros(len(single))
        sentence = "every pair, to second order at the baseline: what higher derivatives do is left out"
        index = "Taylor"
    else:
        effects = integrated_hessians(model, inputs, baselines, **shared)
        gamma = effects.values
        first, second = np.triu_indices(len(effects.names), 1)
        single, double = gamma.diagonal(dim1=1, dim2=2), gamma[:, first, second] + gamma[:, second, first]
        gaps = effects.gap.abs()
        sentence = "every pair; the shares miss delta by the gap, within which each is known"
        index = "integrated_hessians"
    n = single.shape[1]
    parts = []
    for one, two, gap in zip(single, double, gaps.tolist(), strict=True):
        columns = [(1, one), (2, two)][: min(n, 2)]
        parts.append(
            stacked(
                [
                    (of_size(n, s), values.double().numpy(), np.full(len(values), gap))
                    for s, values in columns
                ],
                DERIVATIVE,
            )
        )
    facts = {"looked_at": len(parts[0].values), "sentence": sentence}
    return _alike(parts, way, facts, complete=False, evaluations=0, index=index, order=2, of=effects)


def _alike(
    parts: list[Entries],
    way: str,
    facts: dict[str, Any],
    *,
    complete: bool,
    evaluations: int,
    index: str,
    order: int,
    of: Any,
) -> Interactions:
    """Return a result whose examples went the same way; names and totals are those of another result."""
    batch = len(parts)
    delta = of.delta.double()
    return Interactions(
        **columns_of(parts),
        names=of.names,
        index=index,
        order=order,
        way=(way,) * batch,
        evaluations=(evaluations,) * batch,
        products=(0,) * batch,
        complete=(complete,) * batch,
        confidence=(facts,) * batch,
        delta=delta,
        f_input=getattr(of, "f_input", delta).double(),
        f_baseline=getattr(of, "f_baseline", torch.zeros_like(delta)).double(),
        diagnostics=of.diagnostics,
    )

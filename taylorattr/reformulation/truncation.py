"""What the terms above the order add to a method's scores, seen from the next order along a segment.

For h_i(α) = Δ_i ∂_i f(b + αΔ) and a_i = ∫ h_i dμ, Taylor's theorem with Lagrange's remainder gives a tail of
∫ h_i^{(K)}(ξ) α^K/K! dμ, and h_i^{(K)}(τ)/K! = Σ_{|κ|=K+1} κ_i I_τ(κ) with the effects I_τ expanded at
b + τΔ in the direction Δ. So |tail_i| ≤ max_τ |Σ_{|κ|=K+1} w_i(κ) I_τ(κ)| for every rule whose ratio is
κ_i·M_{|κ|−1} (eq. 59, 60, 70). The largest value is sought among the points of a grid.

For occlusion methods f(x) − f(x with W at the baseline) = Σ_{S∩W≠∅} J(S), and the terms above K in it are
R_K(g_N) − R_K(g_{N∖W}), g_T(t) = f(b + tΔ_T), eq. (58). Both remainders have Lagrange's form: one jet in one
variable at each point of the ray, whatever the number of players.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import AllocationRule
from taylorattr.analysis.players import Players
from taylorattr.effects.taylor import taylor_effects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import TaylorAttrWarning
from taylorattr.reformulation.answer import Request, Rows

POINTS = 9
"""Points of the segment at which the next order is looked at, both ends among them."""

POINTS_OF_MANY = 5
"""Points of each segment where many of them are looked at: a ray per window, a noisy input per draw."""

WINDOWS_WITH_RAYS = 128
"""Most windows whose rays are looked at."""

Expand = Callable[[Rows, Rows, int], TaylorEffects]
"""(far ends, expansion points, order) -> effects in frame b."""

Weights = Callable[[np.ndarray, int], np.ndarray]
"""(multi-indices, example) -> w(κ), shape (M, R)."""


def ratios(rule: AllocationRule, context: Context) -> Weights:
    """Return a rule's ratios with its context."""
    return lambda kappas, example: rule.ratios(kappas, context, example=example)


def lagrange_bound(
    weights: Weights,
    expand: Expand,
    inputs: Rows,
    baselines: Rows,
    order: int,
    *,
    direction: Rows | None = None,
    points: int = POINTS,
) -> Tensor:
    """Return max_τ |Σ_{|κ|=K+1} w_i(κ) I_τ(κ)| over the grid, shape (B, R).

    Args:
        weights: w(κ), κ_i times a function of the order.
        expand: Taylor effects in frame b between two points.
        inputs: x, tensors (B, …).
        baselines: b, tensors (B, …).
        order: K.
        direction: In which the effects are taken, where it is not x − b.
        points: Number of values of τ.
    """
    steps = tuple(x - b for x, b in zip(inputs, baselines, strict=True)) if direction is None else direction
    largest: Tensor | None = None
    for tau in 0.5 - 0.5 * np.cos(np.pi * np.arange(points) / (points - 1)):
        near = tuple(b + float(tau) * (x - b) for x, b in zip(inputs, baselines, strict=True))
        # the expansion looks at the farther end, so that the model is only asked on the segment
        reach = 1 - float(tau) if tau < 0.5 else -float(tau)
        far = tuple(at + reach * step for at, step in zip(near, steps, strict=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TaylorAttrWarning)  # said of the effects themselves
            effects = expand(far, near, order + 1)
        top = effects.order_values(order + 1).double().cpu() / reach ** (order + 1)
        kappas = effects.multi_indices[-top.shape[1] :]
        rows = [top[e] @ torch.from_numpy(np.array(weights(kappas, e))) for e in range(len(top))]
        here = torch.stack(rows).abs()
        largest = here if largest is None else torch.maximum(largest, here)
    assert largest is not None
    return largest


def quadrature_error(
    quadrature: AllocationRule, effects: TaylorEffects, nodes: list[dict[str, Any]]
) -> Tensor:
    """Return |Σ_κ κ_i (1/|κ| − Q(|κ|)) I(κ)|: what a quadrature changes, eq. (19), shape (B, n).

    Args:
        quadrature: The ratio κ_i Q(|κ|).
        effects: Taylor effects.
        nodes: Context of the quadrature for every example.
    """
    kappas = effects.multi_indices
    exact = kappas / kappas.sum(1, keepdims=True)  # not the rule that is put to the test
    rows = [
        effects.values[e].double().cpu() @ torch.from_numpy(exact - quadrature.ratios(kappas, nodes[e]))
        for e in range(effects.batch)
    ]
    return torch.stack(rows).abs()


def ray_tails(request: Request, start: Rows, windows: Tensor) -> Tensor:
    """Return max |g_N^{(K+1)}|/(K+1)! + max |g_{N∖W}^{(K+1)}|/(K+1)! for every window, shape (B, W).

    Args:
        request: What is asked.
        start: Baselines.
        windows: Players of each window, shape (W, n), 0 or 1.
    """
    game = request.game(start)
    together = Players([list(range(sum(owner.numel() for owner in game.maps)))], names=("x − b",))
    asked = replace(request.question, players=together, integers_allowed=False, show_progress=False)

    def expand(far: Rows, near: Rows, order: int) -> TaylorEffects:
        return taylor_effects(asked.with_inputs(far, near), order)

    def largest(end: Rows) -> Tensor:
        return lagrange_bound(_all, expand, end, game.baselines, request.order, points=POINTS_OF_MANY)[:, 0]

    whole = largest(game.inputs)
    tails = []
    for window in windows.bool():
        held = [
            torch.where(owner >= 0, window[owner.cpu().clamp_min(0)].to(owner.device), False)
            for owner in game.maps
        ]
        ends = zip(held, game.baselines, game.inputs, strict=True)
        tails.append(whole + largest(tuple(torch.where(out, b, x) for out, b, x in ends)))
    return torch.stack(tails, dim=1)


def _all(kappas: np.ndarray, example: int) -> np.ndarray:
    return np.ones((len(kappas), 1))

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

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.effects.taylor import taylor_effects
from taylorattr.errors import TaylorAttrWarning
from taylorattr.reformulation.answer import Rows

POINTS = 9
"""Points of the segment at which the next order is looked at, both ends among them."""

POINTS_OF_MANY = 5
"""Points of each segment where many of them are looked at: a ray per window, a noisy input per draw."""

WINDOWS_WITH_RAYS = 128
"""Most windows whose rays are looked at."""


def lagrange_bound(
    question: Question,
    weights: Callable[..., np.ndarray],
    inputs: Rows,
    baselines: Rows,
    order: int,
    *,
    direction: Rows | None = None,
    points: int = POINTS,
) -> Tensor:
    """Return max_τ |Σ_{|κ|=K+1} w_i(κ) I_τ(κ)| over the grid, shape (B, R).

    Args:
        question: What is asked of the model, whose inputs and baselines are not looked at.
        weights: ``weights(kappas, example=e)``, w(κ) of example e, shape (M, R): κ_i times a function of the
            order.
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
            effects = taylor_effects(question.with_inputs(far, near, show_progress=False), order + 1)
        top = effects.order_values(order + 1).double().cpu() / reach ** (order + 1)
        kappas = effects.multi_indices[-top.shape[1] :]
        rows = [top[e] @ torch.from_numpy(np.array(weights(kappas, example=e))) for e in range(len(top))]
        here = torch.stack(rows).abs()
        largest = here if largest is None else torch.maximum(largest, here)
    assert largest is not None
    return largest


def ray_tails(question: Question, windows: Tensor, order: int) -> Tensor:
    """Return max |g_N^{(K+1)}|/(K+1)! + max |g_{N∖W}^{(K+1)}|/(K+1)! for every window, shape (B, W).

    Args:
        question: What is asked.
        windows: Players of each window, shape (W, n), 0 or 1.
        order: K.
    """
    game = question.game
    together = Players([list(range(sum(owner.numel() for owner in game.maps)))], names=("x − b",))
    along_the_ray = replace(question, players=together)

    def largest(end: Rows) -> Tensor:
        bound = lagrange_bound(along_the_ray, _all, end, game.baselines, order, points=POINTS_OF_MANY)
        return bound[:, 0]

    whole = largest(game.inputs)
    tails = []
    for window in windows.bool():
        at_baseline = [
            torch.where(owner >= 0, window[owner.cpu().clamp_min(0)].to(owner.device), False)
            for owner in game.maps
        ]
        ends = zip(at_baseline, game.baselines, game.inputs, strict=True)
        tails.append(whole + largest(tuple(torch.where(out, b, x) for out, b, x in ends)))
    return torch.stack(tails, dim=1)


def _all(kappas: np.ndarray, example: int) -> np.ndarray:
    return np.ones((len(kappas), 1))

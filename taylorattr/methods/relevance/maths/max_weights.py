"""Three ways to share the difference of a maximum between two points among its candidates.

All take candidates (…, k) at x and at b, padding at −∞ in both, and return weights w with
Σ w_i(x_i − b_i) = max x − max b.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


def winner_share(x_w: Tensor, x_v: Tensor, b_w: Tensor, b_v: Tensor) -> Tensor:
    """Return θ, the weight of the winner w at x; the winner v at b gets 1 − θ.

    x_w − b_v = θ(x_w − b_w) + (1 − θ)(x_v − b_v) has the solution θ = p/(p + q) with p = x_w − x_v ≥ 0 and
    q = b_v − b_w ≥ 0, so θ ∈ [0, 1]. A tie counts as attaining: q = 0 gives w all, p = 0 gives v all.

    Args:
        x_w: Value at x of the winner at x.
        x_v: Value at x of the winner at b.
        b_w: Value at b of the winner at x.
        b_v: Value at b of the winner at b.
    """
    p, q = x_w - x_v, b_v - b_w
    total = p + q
    return torch.where(total == 0, 1.0, p / torch.where(total == 0, 1.0, total))


def winners(x: Tensor, b: Tensor) -> Tensor:
    """Return the weights of `winner_share` as (…, k)."""
    x, b = torch.broadcast_tensors(x, b)
    w, v = x.argmax(-1, keepdim=True), b.argmax(-1, keepdim=True)
    share = winner_share(x.gather(-1, w), x.gather(-1, v), b.gather(-1, w), b.gather(-1, v))
    weights = torch.zeros_like(x)
    weights.scatter_add_(-1, w, share)
    return weights.scatter_add_(-1, v, 1 - share)


def path(x: Tensor, b: Tensor) -> Tensor:
    """Return the length of the straight path on which each candidate leads (integrated gradients of max).

    The lines b_i + α(x_i − b_i) are followed along their upper envelope: from the leader at α the next one is
    the first line to cross it from below. Each step raises the slope, so k − 1 steps suffice. On each piece
    max moves as its leader, so the pieces add up to the difference.

    Args:
        x: Shape (…, k).
        b: Shape (…, k); broadcasts.

    Returns:
        Weights ≥ 0, adding up to 1.
    """
    x, b = torch.broadcast_tensors(x, b)
    shape = x.shape
    x, b = x.reshape(-1, shape[-1]), b.reshape(-1, shape[-1])
    weights = torch.zeros_like(x)
    w, v = x.argmax(-1, keepdim=True), b.argmax(-1, keepdim=True)
    settled = (b.gather(-1, w) == b.gather(-1, v)).squeeze(-1)
    weights[settled] = weights[settled].scatter(-1, w[settled], 1.0)
    rows = (~settled).nonzero().squeeze(-1)
    if len(rows):
        weights[rows] = _envelope(x[rows], b[rows])
    return weights.reshape(shape)


def _envelope(x: Tensor, b: Tensor) -> Tensor:
    padding = torch.isinf(b) & (b == x)
    start = torch.where(padding, 0.0, b)
    slope = torch.where(padding, -torch.inf, x - b)
    tied = b == b.amax(-1, keepdim=True)  # among leaders at b the steepest goes on
    leader = torch.where(tied, slope, -torch.inf).argmax(-1, keepdim=True)
    at = torch.zeros_like(x[:, :1])
    weights = torch.zeros_like(x)
    for _ in range(x.shape[-1] - 1):
        gain = slope - slope.gather(-1, leader)
        behind = start.gather(-1, leader) - start
        crossing = torch.where(gain > 0, behind / gain, torch.inf)
        crossing = torch.maximum(crossing, at)
        following = crossing.amin(-1, keepdim=True)
        tied = crossing <= following
        chosen = torch.where(tied & (gain > 0), slope, -torch.inf).argmax(-1, keepdim=True)
        stop = following.clamp(max=1)
        weights.scatter_add_(-1, leader, stop - at)
        leader, at = torch.where(following < 1, chosen, leader), stop
        if bool((at >= 1).all()):
            break
    return weights.scatter_add_(-1, leader, 1 - at)


def shapley(x: Tensor, b: Tensor) -> Tensor:
    """Return φ_i/Δ_i of the game T ↦ max(x on T, b elsewhere), exactly, by level sets; 0 where Δ_i = 0.

    max = ∫ 1[some candidate exceeds t] dt. At level t let U = {x > t ≥ b}, D = {b > t ≥ x}, u and d their
    sizes; where a candidate exceeds t at both ends the level tells nothing. Else T is worth 1 unless T misses
    U and holds D; the Shapley value of that game is d!(u−1)!/(u+d)! for i ∈ U (i comes first of U and after
    all of D) minus, for i ∈ D, (d−1)!u!/(u+d)! (i closes D before any of U). The levels between neighbouring
    values of x and b have these sets in common: O(k²) in all. For b = 0 and x ≥ 0 it is the rule of sorted
    increments, eq. (43).

    Args:
        x: Shape (…, k).
        b: Shape (…, k); broadcasts.

    Returns:
        Shape (…, k), between 0 and 1.
    """
    x, b = torch.broadcast_tensors(x, b)
    shape, k = x.shape, x.shape[-1]
    x, b = x.reshape(-1, k), b.reshape(-1, k)
    top = torch.maximum(x, b)
    best = torch.minimum(x, b).amax(-1, keepdim=True)  # above this level nobody is at both ends
    first, second = top.topk(min(2, k), -1).values.split([1, min(2, k) - 1], -1)
    alone = ((second <= best).all(-1)) if k > 1 else torch.ones_like(first, dtype=torch.bool).squeeze(-1)
    weights = torch.zeros_like(x)
    lone = alone & (first > best).squeeze(-1)  # one candidate does all there is above the common level
    if bool(lone.any()):
        delta = x[lone] - b[lone]
        who = top[lone].argmax(-1, keepdim=True)
        value = (first - best)[lone] * delta.gather(-1, who).sign()
        weights[lone] = weights[lone].scatter(-1, who, value / delta.gather(-1, who))
    rows = (~alone).nonzero().squeeze(-1)
    if len(rows):
        weights[rows] = _levels(x[rows], b[rows], best[rows])
    return weights.reshape(shape)


def _levels(x: Tensor, b: Tensor, best: Tensor) -> Tensor:
    k = x.shape[-1]
    up, down = _level_weights(k, x.dtype, x.device)
    cuts = torch.maximum(torch.cat([x, b], -1), best).sort(-1).values
    value = torch.zeros_like(x)
    for low, high in zip(cuts.unbind(-1)[k - 1 : -1], cuts.unbind(-1)[k:], strict=True):
        t, width = low.unsqueeze(-1), (high - low).unsqueeze(-1)
        if not bool((width > 0).any()):
            continue
        rise, fall = (x > t) & (b <= t), (b > t) & (x <= t)
        u, d = rise.sum(-1, keepdim=True), fall.sum(-1, keepdim=True)
        index = u * (k + 1) + d
        gain = up[index].where(rise, torch.zeros_like(x)) - down[index].where(fall, torch.zeros_like(x))
        value += gain * width
    delta = x - b
    still = (delta == 0) | torch.isnan(delta)
    return torch.where(still, 0.0, value / torch.where(still, 1.0, delta))


@lru_cache(maxsize=32)
def _tables(k: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    up, down = [0.0] * (k + 1) ** 2, [0.0] * (k + 1) ** 2
    for u in range(k + 1):
        for d in range(k + 1 - u):
            total = math.factorial(u + d)
            if u:
                up[u * (k + 1) + d] = math.factorial(d) * math.factorial(u - 1) / total
            if d:
                down[u * (k + 1) + d] = math.factorial(d - 1) * math.factorial(u) / total
    return tuple(up), tuple(down)


def _level_weights(k: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    up, down = _tables(k)
    return torch.tensor(up, dtype=dtype, device=device), torch.tensor(down, dtype=dtype, device=device)

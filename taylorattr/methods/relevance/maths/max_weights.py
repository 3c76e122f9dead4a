"""Three ways to share the difference of a maximum between two points among its candidates.

All take candidates (…, k) at x and at b, padding at −∞ in both, and return weights w with
Σ w_i(x_i − b_i) = max x − max b.
"""

from __future__ import annotations

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
    (x_w, w), (b_v, v) = x.max(-1, keepdim=True), b.max(-1, keepdim=True)
    share = winner_share(x_w, x.gather(-1, v), b.gather(-1, w), b_v)
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
    w = x.max(-1, keepdim=True).indices
    settled = b.gather(-1, w) == b.amax(-1, keepdim=True)
    weights.scatter_(-1, w, settled.to(x.dtype))
    rows = (~settled).nonzero()[:, 0]
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
    all of D) minus, for i ∈ D, (d−1)!u!/(u+d)! (i closes D before any of U). Every candidate above the common
    level is in U or in D, so the levels between neighbours of max(x, b) have these sets in common. Where D or
    U is empty at every level, as for b = 0 and x ≥ 0, it is the rule of sorted increments, eq. (43).

    Args:
        x: Shape (…, k).
        b: Shape (…, k); broadcasts.

    Returns:
        Shape (…, k), between 0 and 1.
    """
    low, high = torch.minimum(x, b), torch.maximum(x, b)
    common = low.amax(-1, keepdim=True)  # above this level nobody is at both ends
    mixed = (x.amax(-1, keepdim=True) > common) & (b.amax(-1, keepdim=True) > common)
    size = torch.sub(high, low, out=low).clamp_(min=torch.finfo(x.dtype).tiny)
    height = high.sub_(common).relu_()
    share = _increments if x.shape[-1] <= _FEW else _sorted_increments
    weights = share(height).div_(size).clamp_(0, 1)
    if torch.isnan(weights.sum()):  # padding
        weights = weights.nan_to_num_()
    mixed = mixed.squeeze(-1)
    if bool(mixed.any()):
        x, b = torch.broadcast_tensors(x, b)
        weights[mixed] = _levels(x[mixed], b[mixed], common[mixed])
    return weights


def _increments(height: Tensor) -> Tensor:
    """F(h_i), F(h) = ∫_0^h dt over the number of heights above t = h + Σ_{j>1} min(h, H_j)(1/j − 1/(j−1))."""
    k, total = height.shape[-1], height
    order = list(height.unbind(-1))  # to become H_1 ≥ H_2 ≥ …, by a network of exchanges
    for end in range(k - 1, 0, -1):  # the lowest of the first ones moves to the end
        for j in range(end):
            one, two = order[j], order[j + 1]
            order[j], order[j + 1] = torch.maximum(one, two), torch.minimum(one, two)
    for j in range(2, k + 1):
        low = order[j - 1].unsqueeze(-1)
        reached = low if j == k else torch.minimum(height, low)
        factor = 1 / j - 1 / (j - 1)
        total = torch.add(total, reached, alpha=factor) if j == 2 else total.add_(reached, alpha=factor)
    return total


def _sorted_increments(height: Tensor) -> Tensor:
    """The same by sorting, for many candidates."""
    order, who = height.sort(-1, descending=True)
    rank = torch.arange(1, height.shape[-1] + 1, dtype=height.dtype, device=height.device)
    return torch.empty_like(height).scatter_(-1, who, _suffix_sums(_steps(order) / rank))


def _steps(order: Tensor) -> Tensor:
    """H_j − H_{j+1}, the last one against 0."""
    return order - torch.cat([order[..., 1:], torch.zeros_like(order[..., :1])], -1)


def _suffix_sums(a: Tensor) -> Tensor:
    return a.flip(-1).cumsum(-1).flip(-1)


def _levels(x: Tensor, b: Tensor, common: Tensor) -> Tensor:
    """Weights of rows (R, k) with candidates of both kinds."""
    order, who = (torch.maximum(x, b) - common).relu().sort(-1, descending=True)
    rises = (x > b).gather(-1, who)
    u = rises.cumsum(-1).to(x.dtype)
    d = (~rises).cumsum(-1).to(x.dtype)
    share = ((u + 1).lgamma() + (d + 1).lgamma() - (u + d + 1).lgamma()).exp() * _steps(order)  # u!d!/(u+d)!
    up, down = _suffix_sums(share / u.clamp(min=1)), _suffix_sums(share / d.clamp(min=1))
    value = torch.zeros_like(x).scatter_(-1, who, torch.where(rises, up, -down))
    delta = x - b
    still = (delta == 0) | torch.isnan(delta)
    return torch.where(still, 0.0, value / torch.where(still, 1.0, delta))


_FEW = 16
"""Candidates up to which a network of exchanges beats sorting."""

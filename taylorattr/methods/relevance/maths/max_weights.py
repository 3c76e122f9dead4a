"""Three ways to share the difference of a maximum between two points among its candidates.

All take candidates (…, k) at x and at b, padding at −∞ in both, and return weights w with
Σ w_i(x_i − b_i) = max x − max b.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

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
    same = (total == 0).to(total.dtype)  # added to both: selecting by entry takes many passes' time
    return p.add_(same).div_(total.add_(same))


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
    """Return the weights of `path` for rows (R, k) whose leader changes, one step of all rows at a time."""
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
        crossing = torch.maximum(crossing, at)  # rounding may put the next crossing before this one
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
    mixed = (x.amax(-1) > common.squeeze(-1)) & (b.amax(-1) > common.squeeze(-1))
    size = torch.sub(high, low, out=low).clamp_(min=torch.finfo(x.dtype).tiny)
    height = high.sub_(common).relu_()
    many = int(mixed.sum())
    if x.shape[-1] > _FEW:
        value = _by_sorting(height, x > b)
    elif 4 * many > mixed.numel():
        value = _of_both_kinds(height, x > b)
    else:
        value = _increments(height)
        if many:
            x, b = torch.broadcast_tensors(x, b)
            value[mixed] = _of_both_kinds(height[mixed], x[mixed] > b[mixed])
    weights = value.div_(size).clamp_(0, 1)
    return weights if not torch.isnan(weights.sum()) else weights.nan_to_num_()  # padding


_FEW = 16
"""Candidates up to which a network of exchanges beats sorting."""


def _increments(height: Tensor) -> Tensor:
    """Return F(h_i), F(h) = ∫_0^h dt/#(heights above t) = h + Σ_{j>1} min(h, H_j)(1/j − 1/(j−1))."""
    k, total = height.shape[-1], height
    order = list(height.unbind(-1))  # to become H_1 ≥ H_2 ≥ …
    for j, i in _exchanges(k):
        order[j], order[i] = torch.maximum(order[j], order[i]), torch.minimum(order[j], order[i])
    for j in range(2, k + 1):
        low = order[j - 1].unsqueeze(-1)
        reached = low if j == k else torch.minimum(height, low)
        factor = 1 / j - 1 / (j - 1)
        total = torch.add(total, reached, alpha=factor) if j == 2 else total.add_(reached, alpha=factor)
    return total


def _exchanges(k: int) -> Iterator[tuple[int, int]]:
    """Return the neighbours to put in order, one after the other, until all k are."""
    return ((j, j + 1) for end in range(k - 1, 0, -1) for j in range(end))


def _of_both_kinds(height: Tensor, rises: Tensor) -> Tensor:
    """Return the same where levels tell risers from fallers: |φ_i| = Σ_j (g_j − g_{j−1}) min(h_i, H_j).

    Between H_{j+1} and H_j there are u risers and j − u fallers above, and 1/g_j is C(j, u)·u for a riser,
    C(j, u)·(j − u) for a faller. Heights are ordered as integers, which read the same order off their bits,
    and the last bit says who rises: it moves a height by an ulp.

    Args:
        height: Shape (…, k), ≥ 0.
        rises: Whether x > b.

    Returns:
        Shape (…, k).
    """
    code = {2: torch.int16, 4: torch.int32, 8: torch.int64}[height.element_size()]
    mark = rises & (height > 0)  # 0 with a last bit is a denormal, and slow
    order = list(height.view(code).bitwise_and(-2).bitwise_or_(mark).unbind(-1))
    for j, i in _exchanges(len(order)):
        order[j], order[i] = torch.maximum(order[j], order[i]), torch.minimum(order[j], order[i])
    totals = torch.zeros_like(height), torch.zeros_like(height)
    before: tuple[Tensor | float, ...] = (0.0, 0.0)
    u = torch.zeros_like(order[0], dtype=torch.int64)
    for j, coded in enumerate(order, 1):
        u += coded.bitwise_and(1)
        reached = torch.minimum(height, coded.view(height.dtype).unsqueeze(-1))
        now = tuple(table.to(height).take(u) for table in _weights_above(j))
        for total, g, last in zip(totals, now, before, strict=True):
            total.addcmul_((g - last).unsqueeze(-1), reached)
        before = now
    up, down = totals
    return torch.addcmul(down, up.sub_(down), rises.to(height.dtype))


def _weights_above(j: int) -> tuple[Tensor, Tensor]:
    """Return 1/(C(j, u)·u) and 1/(C(j, u)·(j − u)) for u = 0 … j, 0 for nobody."""
    up = [1 / (math.comb(j, u) * u) if u else 0.0 for u in range(j + 1)]
    return torch.tensor(up, dtype=torch.float64), torch.tensor(up[::-1], dtype=torch.float64)


def _by_sorting(height: Tensor, rises: Tensor) -> Tensor:
    """Return the same for many candidates: the levels' steps times g_j, added up from the lowest level."""
    order, who = height.sort(-1, descending=True)
    kind = rises.gather(-1, who)
    u, d = (a.cumsum(-1).to(height.dtype) for a in (kind, ~kind))
    step = order - torch.cat([order[..., 1:], torch.zeros_like(order[..., :1])], -1)
    share = ((u + 1).lgamma() + (d + 1).lgamma() - (u + d + 1).lgamma()).exp() * step  # 1/C(j, u)
    sums = [(share / n.clamp(min=1)).flip(-1).cumsum(-1).flip(-1) for n in (u, d)]
    return torch.empty_like(height).scatter_(-1, who, torch.where(kind, *sums))

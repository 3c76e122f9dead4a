"""Two ways to share the differences of order statistics between two points among the entries.

Both take entries (N, k) at x and at b and ranks counted from the largest, and return weights (N, R, k) with
Σ_i w_ri(x_i − b_i) = (r-th largest of x) − (r-th largest of b), exactly.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import torch
from torch import Tensor


def path(x: Tensor, b: Tensor, ranks: Tensor) -> Tensor:
    """Return the length of the straight path on which each entry has each rank (integrated gradients).

    An order statistic is continuous along the path and moves as the entry that holds it; the order changes
    only where two lines cross. So the k(k − 1)/2 crossings cut the path into pieces with one order each.

    Args:
        x: Shape (N, k).
        b: Shape (N, k).
        ranks: Ranks from the largest, 0-based, shape (R,).

    Returns:
        Weights ≥ 0, adding up to 1 over the entries; shape (N, R, k).
    """
    n, k = x.shape
    delta = x - b
    i, j = torch.triu_indices(k, k, 1, device=x.device)
    slope = delta[:, i] - delta[:, j]
    crossing = torch.where(slope == 0, 0.0, (b[:, j] - b[:, i]) / torch.where(slope == 0, 1.0, slope))
    inside = crossing.clamp(0, 1)
    cuts = torch.cat([torch.zeros_like(x[:, :1]), inside, torch.ones_like(x[:, :1])], 1).sort(-1).values
    weights = x.new_zeros(n, len(ranks), k)
    for start, stop in zip(cuts.unbind(1)[:-1], cuts.unbind(1)[1:], strict=True):
        length = stop - start
        if bool((length > 0).any()):
            middle = b + ((start + stop) / 2).unsqueeze(1) * delta
            # at a crossing two entries are equal: who holds a rank is asked in the middle of the piece
            holder = middle.argsort(-1, descending=True)[:, ranks].unsqueeze(-1)
            weights.scatter_add_(-1, holder, length[:, None, None].expand_as(holder))
    return weights


def shapley(x: Tensor, b: Tensor, ranks: Tensor) -> Tensor:
    """Return φ_i/Δ_i of the games T ↦ r-th largest of (x on T, b elsewhere), by level sets; 0 where Δ_i = 0.

    The r-th largest is ∫ 1[at least r entries exceed t] dt. At level t let U = {x > t ≥ b}, D = {b > t ≥ x}
    and c entries exceed t at both ends: T is worth 1 if |T ∩ U| + |D ∖ T| ≥ s = r − c. An entry of U gains
    where it arrives and finds exactly s − 1 above the level, one of D loses where it leaves exactly s; the
    chance of that in a random order is a sum of hypergeometric terms (`_pivot_tables`). For r = 1 it is the
    rule of maxima.

    Args:
        x: Shape (N, k).
        b: Shape (N, k).
        ranks: Ranks from the largest, 0-based, shape (R,).

    Returns:
        Shape (N, R, k), between 0 and 1.
    """
    k = x.shape[1]
    up, down = (t.to(x) for t in _pivot_tables(k))
    cuts = torch.cat([x, b], 1).sort(-1).values
    value = x.new_zeros(len(x), len(ranks), k)
    for low, high in zip(cuts.unbind(1)[:-1], cuts.unbind(1)[1:], strict=True):
        t, width = low.unsqueeze(1), (high - low)[:, None, None]
        if not bool((width > 0).any()):
            continue
        rise, fall = (x > t) & (b <= t), (b > t) & (x <= t)
        both = ((x > t) & (b > t)).sum(1, keepdim=True)
        u, d = rise.sum(1, keepdim=True), fall.sum(1, keepdim=True)
        needed = (ranks + 1 - both).clamp(0, k + 1)  # 0 and u + d + 1 have no pivot
        gain = up[u, d, needed].unsqueeze(-1) * rise.unsqueeze(1)
        loss = down[u, d, needed].unsqueeze(-1) * fall.unsqueeze(1)
        value += (gain - loss) * width
    delta = (x - b).unsqueeze(1)
    still = delta == 0
    return torch.where(still, 0.0, value / torch.where(still, 1.0, delta))


@lru_cache(maxsize=16)
def _pivot_tables(k: int) -> tuple[Tensor, Tensor]:
    """Return the chance that one entry of U, or of D, decides: shape (k+1, k+1, k+2), by u, d and s.

    With a of U and c of D already come, a + d − c entries exceed the level. An entry of U decides if that is
    s − 1, one of D if it is s; the a and c that come before it are drawn from u − 1 and d, or u and d − 1,
    with chance C(·, a)C(·, c)/((u + d)C(u + d − 1, a + c)).

    Returns:
        The table of U and that of D.
    """
    up = torch.zeros(k + 1, k + 1, k + 2, dtype=torch.float64)
    down = torch.zeros_like(up)
    for u in range(k + 1):
        for d in range(k + 1 - u):
            for s in range(1, u + d + 1):
                up[u, d, s] = sum(
                    _chance(u - 1, d, a, a + d - s + 1) for a in range(u) if 0 <= a + d - s + 1 <= d
                )
                down[u, d, s] = sum(
                    _chance(u, d - 1, a, a + d - s) for a in range(u + 1) if 0 <= a + d - s <= d - 1
                )
    return up, down


def _chance(u: int, d: int, a: int, c: int) -> float:
    """Return the chance that of u + d others exactly a of the u and c of the d come before one entry."""
    return comb(u, a) * comb(d, c) / ((u + d + 1) * comb(u + d, a + c))

"""Contractions where every unit depends on few players: patches under convolutions, tokens before attention.

Units with the same set S of players form a group; only the monomials over S are formed for it. Whether a
unit depends on a player is judged by exact zeros of its degree-1 coefficient, so nothing is lost. Used up
to order 3, where the operands carry degree 1 only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.layout import index_table
from taylorattr.autodiff.polynomial.ring import Poly, Ring

WORTH_GROUPING = 30_000_000
"""Smallest units·n³ (order 3) or units·n²/8 (order 2) for which looking for groups pays, measured."""

DENSE = 0.4
"""Share of non-zero coefficients above which grouping does not pay."""


@dataclass(slots=True)
class Group:
    """Chunks of units whose players are the same within a chunk and equally many in all.

    Attributes:
        players: Sorted players of each chunk, (G, s).
        units: Units of each chunk, (G, W); repeated where a chunk is not full.
        valid: 1 for a unit, 0 for a repetition, (G, W).
    """

    players: Tensor
    units: Tensor
    valid: Tensor


def add_top(ring: Ring, u: Poly, series: list[Tensor], adjoint: Poly, totals: dict[int, Tensor]) -> bool:
    """Add degrees 2 and, if λ has degree 1, 3 of ⟨λ, φ(u)⟩ for u with degree 1 only.

    Args:
        ring: Ring of the players.
        u: Operand, flat blocks 0, 1, (C, E, units).
        series: f_0, f_1, … at u_0, flat.
        adjoint: λ, flat blocks 0 … q with q ≤ 1.
        totals: Degree d -> coefficients (C_d, E), added to.

    Returns:
        Whether it was done; False where grouping would not pay.
    """
    v, lam = u[1], adjoint[0]
    if v is None or lam is None:
        return False
    if v.shape[2] * (ring.n**3 if 3 in totals else ring.n**2 // 8) < WORTH_GROUPING:
        return False
    active = v != 0
    if float(active.sum()) > DENSE * v.numel():
        return False
    for e in range(v.shape[1]):
        first = adjoint[1] if len(adjoint) > 1 else None
        f = [term[0, min(e, term.shape[1] - 1)] for term in series]
        rays = None if first is None else first[:, e]
        out = {d: total[:, e] for d, total in totals.items()}
        _add_example(ring, v[:, e], active[:, e], f, lam[0, min(e, lam.shape[1] - 1)], rays, out)
    return True


def _add_example(
    ring: Ring,
    v: Tensor,
    active: Tensor,
    f: list[Tensor],
    lam: Tensor,
    rays: Tensor | None,
    out: dict[int, Tensor],
) -> None:
    pairs = index_table(ring.n, 1, 1, v.device)
    triples = index_table(ring.n, 2, 1, v.device) if 3 in out else None
    second = lam * f[2]
    third = None
    if triples is not None:
        third = v * (lam * f[3]) if len(f) > 3 else torch.zeros_like(v)
        third = third if rays is None else third + rays * f[2]
    for group in groups(active):
        chosen, units = group.players, group.units
        local = v[chosen[:, :, None], units[:, None, :]] * group.valid[:, None, :]
        weighted = local * second[units][:, None, :]
        places = pairs[chosen[:, :, None], chosen[:, None, :]]
        _scatter(out[2], places, torch.bmm(weighted, local.transpose(1, 2)))
        if triples is None or third is None:
            continue
        i, j = torch.triu_indices(chosen.shape[1], chosen.shape[1], device=v.device)
        products = local[:, i] * local[:, j] * torch.where(i == j, 1.0, 2.0).to(v.dtype)[:, None]
        rows = places[:, i, j]
        _scatter(out[3], triples[rows], torch.bmm(products, third[:, units].permute(1, 2, 0)))


def _scatter(out: Tensor, places: Tensor, values: Tensor) -> None:
    out.index_add_(0, places.flatten(), values.flatten())


def groups(active: Tensor) -> Iterator[Group]:
    """Yield the units grouped by the players they depend on.

    Args:
        active: Whether a unit depends on a player, (n, units), bool.

    Yields:
        Groups; units that depend on no player are left out.
    """
    patterns, order, starts, sizes = _sorted_by_pattern(active)
    players = patterns.sum(0)
    for count in players.unique().tolist():
        if count == 0:
            continue
        chosen = (players == count).nonzero()[:, 0]
        lists = patterns[:, chosen].T.nonzero()[:, 1].view(len(chosen), count)
        length = sizes[chosen]
        width = int(length.double().mean().clamp(8, 64))
        chunks = (length + width - 1) // width
        which = torch.arange(len(chosen), device=active.device).repeat_interleave(chunks)
        before = (chunks.cumsum(0) - chunks)[which]
        offset = (torch.arange(len(which), device=active.device) - before) * width
        position = offset[:, None] + torch.arange(width, device=active.device)
        valid = position < length[which][:, None]
        position = torch.where(valid, position, 0) + starts[chosen][which][:, None]
        yield Group(lists[which], order[position], valid)


def _sorted_by_pattern(active: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the distinct columns (n, P), the units sorted by column, and each column's start and count.

    Columns are sorted by a random sum of 40-bit numbers, exact in float64; equal sums are checked to be equal
    columns.
    """
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randint(1 << 40, (len(active),), generator=generator, dtype=torch.int64)
    keys, order = torch.mv(active.T.to(torch.float64), numbers.to(active.device, torch.float64)).sort()
    _, sizes = torch.unique_consecutive(keys, return_counts=True)
    starts = sizes.cumsum(0) - sizes
    patterns = active[:, order[starts]]
    if not torch.equal(active[:, order], patterns.repeat_interleave(sizes, dim=1)):
        patterns, owner, sizes = torch.unique(active, dim=1, return_inverse=True, return_counts=True)
        order, starts = torch.argsort(owner), sizes.cumsum(0) - sizes
    return patterns, order, starts, sizes

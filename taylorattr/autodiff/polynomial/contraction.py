"""What a nonlinear step adds to the coefficients above the degree carried, and its adjoint.

Notation: u the operands with blocks up to degree p, λ the adjoint of the result with blocks up to
degree q. The step adds Σ_j ⟨λ_j, N_{d−j}(u)⟩ to degree d = p+1 … p+q+1, where N_e is the part of
degree e > p of what the step makes of its truncated operands.

Where every unit depends on few players (patches under convolutions, tokens before attention) most products
of these sums are zero. Up to order 3, where the operands carry degree 1 only, units with the same set S of
players form a `Group`, and only the monomials over S are formed for it. Whether a unit depends on a player is
judged by exact zeros of its degree-1 coefficient, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial.compose import Term, Word, Words, slope_terms, top_terms
from taylorattr.autodiff.polynomial.ring import Block, Pairing, Poly, Ring, index_table, units

CHUNK_ELEMENTS = 1 << 17
"""Entries of the widest product formed at once (1 MiB of float64)."""


def elementwise(
    ring: Ring,
    u: Poly,
    series: Sequence[Tensor],
    adjoint: Poly,
    totals: dict[int, Tensor],
    order: int,
    pull: bool,
) -> Poly:
    """Add the top degrees of an elementwise step and return the adjoint of its operand.

    Args:
        ring: Ring of the polynomials.
        u: Operand, blocks 0 … p.
        series: f_0, f_1, … at u_0.
        adjoint: λ, blocks 0 … q.
        totals: Degree d -> coefficients (C_d, E), added to.
        order: K = p + q + 1.
        pull: Whether the adjoint of u is wanted.

    Returns:
        Blocks 0 … q of φ'(u)∗λ; empty when not wanted.
    """
    if len(series) == 1:
        return [None] * len(adjoint)
    if len(series) == 2:
        return [None if block is None else block * series[1] for block in adjoint]
    forward = len(u) - 1
    terms = top_terms(order, forward, len(adjoint) - 1)
    widest = max((ring.width(max(sum(right), d - sum(right))) for d, right in terms), default=1)
    flat_u, flat_lam = ([None if b is None else units(b) for b in poly] for poly in (u, adjoint))
    flat_f = [units(term) for term in series]
    if forward == 1 and order > 1 and add_by_groups(ring, flat_u, flat_f, flat_lam, totals):
        terms = {}
    examples = max(block.shape[1] for block in (*flat_u, *flat_lam, *flat_f) if block is not None)
    count = flat_f[0].shape[2]
    step = max(64, CHUNK_ELEMENTS // (widest * examples))
    pieces: list[Poly] = []
    for start in range(0, count, step):
        some = slice(start, start + step)
        v, lam = ([None if b is None else b[:, :, some] for b in poly] for poly in (flat_u, flat_lam))
        f = [term[:, :, some] for term in flat_f] if count > step else flat_f
        words = Words(ring, v)
        _add_top(ring, words, lam, f, totals, terms)
        if pull:
            pieces.append([_slope_product(ring, words, lam, f, d) for d in range(len(adjoint))])
    if not pull:
        return []
    shape = series[0].shape[2:]
    return [_joined([piece[d] for piece in pieces], shape) for d in range(len(adjoint))]


def _joined(parts: list[Tensor | None], shape: Sequence[int]) -> Tensor | None:
    """Put chunks of units together again; they are all present or all missing."""
    blocks = [part for part in parts if part is not None]
    if not blocks:
        return None
    whole = blocks[0] if len(blocks) == 1 else torch.cat(blocks, 2)
    return whole.reshape(*whole.shape[:2], *shape)


def _add_top(
    ring: Ring,
    words: Words,
    lam: Poly,
    f: Sequence[Tensor],
    totals: dict[int, Tensor],
    terms: dict[tuple[int, Word], tuple[Term, ...]],
) -> None:
    """Add Σ_j ⟨λ_j, f_k·count·left·right⟩ to each degree d: λ meets the left words first."""
    for (d, right), summands in terms.items():
        factor = words(right)
        if factor is None:
            continue
        degree = d - sum(right)
        left: Block | None = None
        for j in sorted({term.adjoint for term in summands}):
            weight = _weighted(words, f, [(t.left, t.letters, t.count) for t in summands if t.adjoint == j])
            block = lam[j]
            if weight is not None and block is not None:
                left = ring.multiply(block, j, weight, degree - j, left)
        if left is not None:
            ring.contract(factor, sum(right), left, degree, totals[d])


def _weighted(words: Words, f: Sequence[Tensor], terms: Sequence[tuple[Word, int, int]]) -> Block | None:
    """Return Σ count·f_k·word."""
    total: Block | None = None
    for word, letters, count in terms:
        if letters >= len(f):
            continue
        factor = f[letters] if count == 1 else f[letters] * count
        if word:
            block = words(word)
            if block is None:
                continue
            if total is not None:
                total.addcmul_(block, factor)
                continue
            factor = block * factor
        total = factor if total is None else total + factor
    return total


def _slope_product(ring: Ring, words: Words, lam: Poly, f: Sequence[Tensor], degree: int) -> Block | None:
    """Return the part of a degree of φ'(u)∗λ."""
    total: Block | None = None
    for a in range(degree + 1):
        block = lam[degree - a]
        if block is None:
            continue
        slope = _weighted(
            words, f, [(word, len(word) + 1, count * (len(word) + 1)) for word, count in slope_terms(a)]
        )
        if slope is not None:
            total = ring.multiply(slope, a, block, degree - a, total)
    return total


def bilinear(
    ring: Ring,
    operands: Sequence[Poly],
    adjoint: Poly,
    totals: dict[int, Tensor],
    order: int,
    pair_left: Pairing,
    pair_right: Pairing,
) -> None:
    """Add the top degrees of a product x∘y.

    ⟨λ_j, x_a∘y_b⟩ is contracted with the operand of the larger degree last: λ_j meets the other first.

    Args:
        ring: Ring of the polynomials.
        operands: x and y, blocks 0 … p.
        adjoint: λ, blocks 0 … q.
        totals: Degree d -> coefficients (C_d, E), added to.
        order: K = p + q + 1.
        pair_left: (λ_j, j, y_b, b, out) -> block with the shape of x.
        pair_right: (λ_j, j, x_a, a, out) -> block with the shape of y.
    """
    x, y = operands
    forward = len(x) - 1
    for d in range(forward + 1, order + 1):
        limit = min(len(adjoint) - 1, d - forward - 1)
        for larger in range(1, forward + 1):
            with_y: Block | None = None
            with_x: Block | None = None
            y_large, x_large = y[larger], x[larger]
            for j in range(limit + 1):
                smaller, block = d - j - larger, adjoint[j]
                if block is None or not 1 <= smaller <= larger:
                    continue
                x_small, y_small = x[smaller], y[smaller]
                if x_small is not None and y_large is not None:
                    with_y = pair_right(block, j, x_small, smaller, with_y)
                if smaller < larger and y_small is not None and x_large is not None:
                    with_x = pair_left(block, j, y_small, smaller, with_x)
            for met, other in ((with_y, y_large), (with_x, x_large)):
                if met is not None and other is not None:
                    ring.contract(units(other), larger, units(met), d - larger, totals[d])


def product_adjoint(pair: Pairing, adjoint: Poly, other: Poly) -> Poly:
    """Return blocks 0 … q of λ∘y, the adjoint of x in x∘y."""
    out: Poly = []
    for d in range(len(adjoint)):
        total: Block | None = None
        for a in range(d + 1):
            left, right = adjoint[d - a], other[a] if a < len(other) else None
            if left is not None and right is not None:
                total = pair(left, d - a, right, a, total)
        out.append(total)
    return out


def reduced(block: Tensor | None, shape: Sequence[int]) -> Tensor | None:
    """Sum a block over the value axes along which a value of this shape was broadcast."""
    if block is None:
        return None
    wide = [i for i, (have, want) in enumerate(zip(block.shape[2:], shape, strict=True), 2) if have != want]
    return block.sum(wide, keepdim=True) if wide else block


WORTH_GROUPING = 30_000_000
"""Smallest units·n³ (order 3) or units·n²/8 (order 2) for which looking for groups pays, measured."""

DENSE = 0.4
"""Share of non-zero coefficients above which grouping does not pay."""


UNITS_PER_CHUNK = (8, 64)
"""Fewest and most units of a chunk; between them the mean of the sets, so that little is padded."""


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


def add_by_groups(
    ring: Ring, u: Poly, series: list[Tensor], adjoint: Poly, totals: dict[int, Tensor]
) -> bool:
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
    """Add degrees 2 and 3 of one example, group by group.

    With v the degree-1 block, degree 2 is Σ_units λ_0·f_2·v∗v and degree 3 Σ_units (λ_0·f_3·v + λ_1·f_2)∗v∗v.

    Args:
        ring: Ring of the players.
        v: Degree 1 of the operand, (n, units).
        active: Where it is not 0.
        f: f_0, f_1, …, each (units,).
        lam: λ_0, (units,).
        rays: λ_1, (n, units); None: zero.
        out: Degree d -> coefficients (C_d,), added to.
    """
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
        # all ordered pairs: those of i ≠ j come twice and add up to the coefficient of t_i t_j
        places = pairs[chosen[:, :, None], chosen[:, None, :]]
        squares = torch.bmm(weighted, local.transpose(1, 2))
        out[2].index_add_(0, places.flatten(), squares.flatten())
        if triples is None or third is None:
            continue
        i, j = torch.triu_indices(chosen.shape[1], chosen.shape[1], device=v.device)
        products = local[:, i] * local[:, j] * torch.where(i == j, 1.0, 2.0).to(v.dtype)[:, None]
        cubes = torch.bmm(products, third[:, units].permute(1, 2, 0))
        out[3].index_add_(0, triples[places[:, i, j]].flatten(), cubes.flatten())


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
        width = int(length.double().mean().clamp(*UNITS_PER_CHUNK))
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

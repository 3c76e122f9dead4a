"""What a nonlinear step adds to the coefficients above the degree carried, and its adjoint.

Notation: u the operands with blocks up to degree p, λ the adjoint of the result with blocks up to
degree q. The step adds Σ_j ⟨λ_j, N_{d−j}(u)⟩ to degree d = p+1 … p+q+1, where N_e is the part of
degree e > p of what the step makes of its truncated operands.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial import local
from taylorattr.autodiff.polynomial.ring import Block, Pairing, Poly, Ring, units
from taylorattr.autodiff.polynomial.words import Term, Word, Words, slope_terms, top_terms

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
    flat_u, flat_lam = (_flattened(poly) for poly in (u, adjoint))
    flat_f = [units(term) for term in series]
    if forward == 1 and order > 1 and local.add_top(ring, flat_u, flat_f, flat_lam, totals):
        terms = {}
    examples = max(block.shape[1] for block in (*flat_u, *flat_lam, *flat_f) if block is not None)
    count = flat_f[0].shape[2]
    step = max(64, CHUNK_ELEMENTS // (widest * examples))
    pieces: list[Poly] = []
    for start in range(0, count, step):
        v, lam = (_window(poly, start, step) for poly in (flat_u, flat_lam))
        f = [term[:, :, start : start + step] for term in flat_f] if count > step else flat_f
        words = Words(ring, v)
        _add_top(ring, words, lam, f, totals, terms)
        if pull:
            pieces.append([_slope_product(ring, words, lam, f, d) for d in range(len(adjoint))])
    if not pull:
        return []
    shape = series[0].shape[2:]
    return [_joined([piece[d] for piece in pieces], shape) for d in range(len(adjoint))]


def _flattened(poly: Poly) -> Poly:
    """Return blocks (C, E, units)."""
    return [None if block is None else units(block) for block in poly]


def _window(poly: Poly, start: int, size: int) -> Poly:
    """Return the blocks of some units."""
    return [None if block is None else block[:, :, start : start + size] for block in poly]


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

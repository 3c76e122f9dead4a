"""Truncated polynomials in n variables: blocks of coefficients and their products.

A polynomial is a list of blocks, one per degree. Block d has shape (C_d, E, *value): C_d =
C(n+d−1, d) coefficients, E examples, and the shape of one value; block 0 has C_0 = 1. E is 1 where all
examples share the coefficient. A missing block (None) is zero. The polynomials of one variable along R
rays are the case n = 1, E = R: products are then aligned.

The coefficients of degree d stand in the order of ``taylorattr.maths.multi_index.monomials(n, d)``
(lexicographic lists of players). A product of blocks needs the position of every product of two monomials;
positions are computed exactly by ranking sorted lists of players in the combinatorial number system.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.maths import multi_index


@functools.lru_cache(maxsize=64)
def _binomials(top: int, depth: int) -> np.ndarray:
    """Return C(m, r) for 0 ≤ m ≤ top, 0 ≤ r ≤ depth, int64."""
    return np.array([[math.comb(m, r) for r in range(depth + 1)] for m in range(top + 1)], dtype=np.int64)


def rank(players: np.ndarray, n: int) -> np.ndarray:
    """Return the position of monomials among those of their degree.

    A sorted list g_1 ≤ … ≤ g_d maps to the increasing list c_i = g_i + i of N = n+d−1 items, whose
    lexicographic position is C(N, d) − 1 − Σ_i C(N−1−c_i, d−i), i = 0 … d−1.

    Args:
        players: Sorted lists of players, shape (…, d).
        n: Number of players.

    Returns:
        Positions, shape (…), int64.
    """
    degree = players.shape[-1]
    items = n + degree - 1
    binomials = _binomials(items, degree)
    position = np.full(players.shape[:-1], math.comb(items, degree) - 1, dtype=np.int64)
    for i in range(degree):
        position -= binomials[items - 1 - (players[..., i].astype(np.int64) + i), degree - i]
    return position


PAIRS_RANKED = 1_000_000
"""Pairs of monomials whose positions are worked out at once: 4 MB for each of the a + b players."""


@functools.lru_cache(maxsize=128)
def product_table(n: int, a: int, b: int) -> np.ndarray:
    """Return the positions of t^α·t^β for all |α| = a, |β| = b, shape (C_a, C_b), int64."""
    left, right = multi_index.monomials(n, a), multi_index.monomials(n, b)
    table = np.empty((len(left), len(right)), dtype=np.int64)
    rows = max(1, PAIRS_RANKED // max(1, len(right)))
    for start in range(0, len(left), rows):
        part = left[start : start + rows]
        pairs = np.empty((len(part), len(right), a + b), dtype=np.int32)
        pairs[:, :, :a] = part[:, None, :]
        pairs[:, :, a:] = right[None, :, :]
        pairs.sort(axis=-1)
        table[start : start + rows] = rank(pairs, n)
    table.setflags(write=False)  # every caller gets the same array
    return table


@functools.lru_cache(maxsize=128)
def multinomials(n: int, d: int) -> np.ndarray:
    """Return d!/κ! for all |κ| = d, shape (C_d,), float64."""
    factorials = np.array([math.factorial(k) for k in range(d + 1)], dtype=np.float64)
    return math.factorial(d) / factorials[multi_index.exponents(n, d)].prod(axis=1)


@functools.lru_cache(maxsize=256)
def index_table(n: int, a: int, b: int, device: torch.device) -> Tensor:
    """Return `product_table` as a tensor on a device."""
    return torch.from_numpy(product_table(n, a, b).copy()).to(device)


@functools.lru_cache(maxsize=128)
def power_tables(n: int, d: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return how [v^d] follows from [v^(d−1)] for v with degree 1 only.

    With W_d[κ] = d!/κ!·v^κ and i the first player of κ: W_d[κ] = (d/κ_i)·v_i·W_{d−1}[κ − e_i].

    Returns:
        (first, rest, factor): i and the position of κ − e_i, both (C_d,) int64; d/κ_i, (C_d,) float64.
    """
    players = multi_index.monomials(n, d).astype(np.int64)
    first = players[:, 0].copy()
    rest = rank(players[:, 1:], n) if d > 1 else np.zeros(len(players), dtype=np.int64)
    multiplicity = (players == players[:, :1]).sum(axis=1)
    return (
        torch.from_numpy(first).to(device),
        torch.from_numpy(rest).to(device),
        torch.from_numpy(d / multiplicity).to(device),
    )


Block: TypeAlias = Tensor
"""Coefficients of one degree, shape (C_d, E, *value)."""

Poly: TypeAlias = list[Tensor | None]
"""Blocks by degree; None is zero."""

Pairing: TypeAlias = Callable[[Tensor, int, Tensor, int, "Tensor | None"], Tensor]
"""(x, a, y, b, out) -> out + the product of blocks of degrees a and b."""

ONE_CALL_ELEMENTS = 1 << 17
"""Below this many elements all pairs of a product are formed at once (1 MiB of float64)."""


def units(block: Block) -> Block:
    """Return a block (C, E, …) as (C, E, units); a value without dimensions has one unit."""
    return block.flatten(2) if block.ndim > 2 else block.unsqueeze(-1)


LARGE_SQUARE = 1 << 17
"""From this many products on, the square of a linear form is written row by row instead of gathered."""


class Ring:
    """Products of blocks in n variables.

    Attributes:
        n: Number of variables.
    """

    def __init__(self, n: int) -> None:
        self.n = n

    def width(self, degree: int) -> int:
        """Return the number of coefficients of a degree."""
        return multi_index.count(self.n, degree)

    def multiply(self, x: Block, a: int, y: Block, b: int, out: Block | None = None) -> Block:
        """Return out + Σ_{α,β} x_α·y_β t^{α+β} for blocks of degrees a and b (out is overwritten).

        The value shapes of x and y broadcast against each other and have equal rank.
        """
        if self.n == 1 or a == 0 or b == 0:
            return x * y if out is None else out.addcmul_(x, y)
        if len(x) > len(y):  # the loop below is over the shorter one
            x, a, y, b = y, b, x, a
        if out is None:
            shape = (
                y.shape[1:]
                if x.shape[1:] == y.shape[1:]
                else torch.broadcast_shapes(x.shape[1:], y.shape[1:])
            )
            out = y.new_zeros((self.width(a + b), *shape))
        table = index_table(self.n, a, b, y.device)
        if len(x) * len(y) * out[0].numel() <= ONE_CALL_ELEMENTS:
            return out.index_add_(0, table.flatten(), (x[:, None] * y).flatten(0, 1))
        for row, target in zip(x, table, strict=True):
            out.index_add_(0, target, row * y)
        return out

    def square(self, x: Block, a: int) -> Block:
        """Return x∗x for a block of degree a, each unordered pair once."""
        if self.n == 1:
            return x * x
        out = x.new_zeros((self.width(2 * a), *x.shape[1:]))
        table = index_table(self.n, a, a, x.device)
        doubled = 2 * x
        for i, row in enumerate(doubled):
            pairs = row * x[i:]
            pairs[0] *= 0.5
            out.index_add_(0, table[i, i:], pairs)
        return out

    def next_power(self, v: Block, d: int, previous: Block) -> Block:
        """Return [v^d] from [v^{d−1}] for v of degree 1: coefficients d!/κ!·v^κ."""
        if self.n == 1:
            return v * previous
        if d == 2 and self.n * v.numel() >= LARGE_SQUARE:
            return self._square_of_linear(v)
        first, rest, factor = power_tables(self.n, d, v.device)
        out = previous.index_select(0, rest)
        out *= v.index_select(0, first)
        out *= factor.to(v.dtype).reshape(-1, *[1] * (v.dim() - 1))
        return out

    def _square_of_linear(self, v: Block) -> Block:
        """Return v∗v: coefficients with first player i are v_i·(v_i, 2v_{i+1}, …, 2v_n), side by side."""
        out = v.new_empty((self.width(2), *v.shape[1:]))
        doubled, start = 2 * v, 0
        for i in range(self.n):
            stop = start + self.n - i
            torch.mul(doubled[i], v[i:], out=out[start:stop])
            out[start] *= 0.5
            start = stop
        return out

    def matmul(self, x: Block, a: int, y: Block, b: int, out: Block | None = None) -> Block:
        """Return out + Σ_{α,β} (x_α @ y_β) t^{α+β} for values (P, i, k) and (P, k, l)."""
        if self.n == 1 or a == 0 or b == 0:
            product = torch.matmul(x, y)
            return product if out is None else out.add_(product)
        table = index_table(self.n, a, b, y.device)
        E = max(x.shape[1], y.shape[1])
        if out is None:
            out = y.new_zeros((self.width(a + b), E, x.shape[2], x.shape[-2], y.shape[-1]))
        right = y.permute(1, 2, 3, 0, 4).flatten(3)
        rows = max(1, ONE_CALL_ELEMENTS // max(1, len(y) * out[0].numel()))
        for start in range(0, len(x), rows):
            part = x[start : start + rows]
            left = part.permute(1, 2, 0, 3, 4).flatten(2, 3)
            pairs = torch.matmul(left, right).unflatten(2, (len(part), -1)).unflatten(4, (len(y), -1))
            pairs = pairs.permute(2, 4, 0, 1, 3, 5).flatten(0, 1)
            out.index_add_(0, table[start : start + rows].flatten(), pairs)
        return out

    def contract(self, x: Block, a: int, y: Block, b: int, out: Tensor) -> None:
        """Add Σ_{α,β} ⟨x_α, y_β⟩ t^{α+β} to out, shape (C_{a+b}, E); values are flat, (C, E, units)."""
        E = out.shape[1]
        if E == 1:
            pairs = torch.mm(x[:, 0], y[:, 0].T).unsqueeze(-1)
        else:
            left = x.transpose(0, 1).expand(E, -1, -1)
            right = y.permute(1, 2, 0).expand(E, -1, -1)
            pairs = torch.bmm(left, right).permute(1, 2, 0)
        if self.n == 1 or a == 0 or b == 0:
            out += pairs.reshape(out.shape)
            return
        table = index_table(self.n, a, b, out.device).flatten()
        if E == 1:
            out.view(-1).index_add_(0, table, pairs.reshape(-1))
        else:
            out.index_add_(0, table, pairs.flatten(0, 1))


def degree_zero(poly: Poly) -> Tensor:
    """Return the block of degree 0, which is never missing."""
    zero = poly[0]
    assert zero is not None
    return zero

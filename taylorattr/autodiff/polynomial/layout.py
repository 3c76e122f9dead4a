"""Where coefficients live: index tables of truncated polynomials in n variables.

The degree-d block of a polynomial lists its coefficients in the order of
``taylorattr.maths.multi_index.monomials(n, d)`` (lexicographic lists of players). A product of
blocks needs the position of every product of two monomials; positions are computed exactly by
ranking sorted lists of players in the combinatorial number system.
"""

from __future__ import annotations

import functools
import math

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


@functools.lru_cache(maxsize=128)
def product_table(n: int, a: int, b: int) -> np.ndarray:
    """Return the positions of t^α·t^β for all |α| = a, |β| = b, shape (C_a, C_b), int64."""
    left, right = multi_index.monomials(n, a), multi_index.monomials(n, b)
    table = np.empty((len(left), len(right)), dtype=np.int64)
    rows = max(1, 1_000_000 // max(1, len(right)))
    for start in range(0, len(left), rows):
        part = left[start : start + rows]
        pairs = np.empty((len(part), len(right), a + b), dtype=np.int32)
        pairs[:, :, :a] = part[:, None, :]
        pairs[:, :, a:] = right[None, :, :]
        pairs.sort(axis=-1)
        table[start : start + rows] = rank(pairs, n)
    table.setflags(write=False)
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

"""Polynomials as dictionaries exponents -> integer: the exact, slow oracle of the ring."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from taylorattr.maths import multi_index

Poly = dict[tuple[int, ...], int]


def times(p: Poly, q: Poly) -> Poly:
    """Exact product."""
    out: Poly = defaultdict(int)
    for kappa, c in p.items():
        for mu, d in q.items():
            out[tuple(i + j for i, j in zip(kappa, mu, strict=True))] += c * d
    return out


def from_block(block: Tensor, n: int, degree: int) -> Poly:
    """Coefficients of one unit of a block, shape (C_d,)."""
    return {tuple(k): int(c) for k, c in zip(multi_index.exponents(n, degree).tolist(), block, strict=True)}


def to_block(p: Poly, n: int, degree: int) -> Tensor:
    """The coefficients of one degree."""
    return torch.tensor(
        [float(p.get(tuple(k), 0)) for k in multi_index.exponents(n, degree).tolist()]
    ).double()

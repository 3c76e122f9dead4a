"""Sums over the coalitions that hold a pair: Σ_{S⊇{i,j}} w(|S|) v(S) for every i and j at once."""

from __future__ import annotations

import numpy as np

from taylorattr.maths.mobius import superset_sum_
from taylorattr.maths.subsets import Coalitions, of_size, popcounts


def pair_sums(values: np.ndarray, coalitions: Coalitions, weights: np.ndarray) -> np.ndarray:
    """Return M_ij = Σ_{S⊇{i,j}} w(|S|) v(S), and M_ii = Σ_{S∋i} w(|S|) v(S).

    Args:
        values: One number per coalition, shape (B, C), in the order of ``coalitions``.
        coalitions: A full or a truncated list of coalitions of n players.
        weights: w(s) for s = 0 … n, shape (n+1,).

    Returns:
        Shape (B, n, n), symmetric. Cost: n·2^n additions for a full table, C(n, s)·s²/2 per size else.
    """
    sums = _of_full if coalitions.max_order is None else _of_truncated
    matrices = np.empty((len(values), coalitions.n, coalitions.n))
    with np.errstate(invalid="ignore"):  # an example that is not finite is refused when it is asked for
        for matrix, row in zip(matrices, values, strict=True):
            matrix[:] = sums(row, coalitions, weights)
    return matrices


def _of_full(row: np.ndarray, coalitions: Coalitions, weights: np.ndarray) -> np.ndarray:
    table = superset_sum_(row * weights[popcounts(coalitions.n)])
    bits = 1 << np.arange(coalitions.n)
    return table[bits[:, None] | bits]


def _of_truncated(row: np.ndarray, coalitions: Coalitions, weights: np.ndarray) -> np.ndarray:
    n = coalitions.n
    matrix = np.zeros(n * n)
    for size in range(1, min(coalitions.max_order or 0, n) + 1):
        if weights[size] == 0:
            continue
        members = of_size(n, size).astype(np.int64)
        weighted = weights[size] * row[coalitions.positions(size)]
        for a in range(size):
            for b in range(a, size):
                cells = members[:, a] * n + members[:, b]
                matrix += np.bincount(cells, weights=weighted, minlength=n * n)
    square = matrix.reshape(n, n)
    return square + np.triu(square, 1).T

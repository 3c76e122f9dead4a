"""Multi-indices κ ∈ Nⁿ: order |κ|, factorial κ!, support, and their enumeration.

One ordering is used everywhere: by order |κ|, and within an order as
``itertools.combinations_with_replacement(range(n), m)`` lists the players of the monomial,
so for n = 2: (1,0) (0,1) | (2,0) (1,1) (0,2) | (3,0) …
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from taylorattr.aliases import Coalition, MultiIndex


def order(kappa: MultiIndex) -> int:
    """Return |κ| = Σ κ_i."""
    return sum(kappa)


def factorial(kappa: MultiIndex) -> int:
    """Return κ! = Π κ_i!."""
    return math.prod(math.factorial(k) for k in kappa)


def support(kappa: MultiIndex) -> Coalition:
    """Return the players with κ_i > 0."""
    return tuple(i for i, k in enumerate(kappa) if k)


def count(n: int, m: int) -> int:
    """Return the number of multi-indices of n players with |κ| = m: C(n+m−1, m)."""
    return math.comb(n + m - 1, m)


def count_up_to(n: int, K: int) -> int:
    """Return the number of multi-indices with 1 ≤ |κ| ≤ K: C(n+K, K) − 1."""
    return math.comb(n + K, K) - 1


@functools.lru_cache(maxsize=256)
def monomials(n: int, m: int) -> np.ndarray:
    """Return the sorted players of all monomials of order m, shape (C(n+m−1, m), m), int32, read-only."""
    rows = count(n, m)
    # straight into an array: a list of tuples would take several times the memory
    flat = itertools.chain.from_iterable(itertools.combinations_with_replacement(range(n), m))
    table = np.fromiter(flat, dtype=np.int32, count=rows * m).reshape(rows, m)
    table.setflags(write=False)
    return table


@functools.lru_cache(maxsize=256)
def exponents(n: int, m: int) -> np.ndarray:
    """Return all κ with |κ| = m, shape (C(n+m−1, m), n), int16, read-only, in the package's order."""
    players = monomials(n, m)
    table = np.zeros((len(players), n), dtype=np.int16)
    for column in range(m):  # one power for each place in the list of players
        np.add.at(table, (np.arange(len(players)), players[:, column]), 1)
    table.setflags(write=False)
    return table


def enumerate_up_to(n: int, K: int) -> np.ndarray:
    """Return all κ with 1 ≤ |κ| ≤ K, shape (C(n+K, K) − 1, n), int16, by order."""
    return np.concatenate([exponents(n, m) for m in range(1, K + 1)])

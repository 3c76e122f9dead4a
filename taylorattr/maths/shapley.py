"""Shapley values of a game given by its full table, as weighted sums of marginal contributions.

φ_i = Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)) with p_s = 1/(n C(n−1, s)), which is Σ_{S∋i} J(S)/|S|, eq. (27). In this
form every output enters with a weight of at most 1/n, so rounding does not grow with n, as it does when the
effects J(S) are formed first. Source: Shapley (1953).
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np

from taylorattr.maths.mobius import players_of
from taylorattr.maths.subsets import popcounts


def shapley_weights(n: int) -> list[Fraction]:
    """Return p_s = 1/(n C(n−1, s)) for s = 0 … n−1, the weight of a marginal contribution to s players."""
    return [Fraction(1, n * comb(n - 1, s)) for s in range(n)]


def shapley_values(table: np.ndarray) -> np.ndarray:
    """Return the Shapley values of games given by all their 2^n values.

    Args:
        table: v(T) in bitmask order, shape (…, 2^n), n ≥ 1; floats are summed in float64, integers and
            Fractions exactly.

    Returns:
        Shape (…, n); float64, or dtype object holding Fractions.

    Raises:
        ShapeError: If the last dimension is not a power of two.
    """
    n = players_of(table)
    exact = table.dtype == object or np.issubdtype(table.dtype, np.integer)
    kind = object if exact else np.float64
    weights = [w if exact else float(w) for w in shapley_weights(n)]
    sizes = popcounts(n)
    joining = np.array([0, *weights], dtype=kind)[sizes]  # p_{|T|−1} where a member has just joined
    leaving = np.array([*weights, 0], dtype=kind)[sizes]  # p_{|T|} where it is still missing
    table = table.astype(kind, copy=False)
    gains = table - table[..., :1]  # the weights of one player add up to zero
    missing = (gains * leaving).sum(axis=-1, keepdims=True)
    return _member_sums(gains * (joining + leaving)) - missing


def _member_sums(table: np.ndarray) -> np.ndarray:
    """Return Σ_{T∋i} table(T) for each player i, shape (…, n): halving the table n times."""
    n = players_of(table)
    result = np.empty((*table.shape[:-1], n), dtype=table.dtype)
    for i in reversed(range(n)):
        absent, present = table[..., : 1 << i], table[..., 1 << i :]
        result[..., i] = present.sum(axis=-1)
        table = absent + present
    return result

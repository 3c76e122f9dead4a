"""Semivalues: shares w_s of effects, and weights p_t of marginal contributions, eq. (63).

Σ_{S∋i} w_{|S|} J(S) = Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)): every rule that looks only at the size of a coalition
and gives nothing to outsiders is of both forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb

import numpy as np

from taylorattr.maths.mobius import players_of
from taylorattr.maths.subsets import popcounts


def shares_of(weights: Sequence[Fraction]) -> list[Fraction]:
    """Return w_s = Σ_t C(n−s, t−s+1) p_t for s = 1 … n, eq. (63).

    Args:
        weights: p_0 … p_{n−1}.
    """
    n = len(weights)
    return [
        sum((comb(n - s, t - s + 1) * weights[t] for t in range(s - 1, n)), Fraction(0))
        for s in range(1, n + 1)
    ]


def weights_of(shares: Sequence[Fraction]) -> list[Fraction]:
    """Return p_t = Σ_{s>t} (−1)^{s−t−1} C(n−t−1, s−t−1) w_s for t = 0 … n−1, the inverse of `shares_of`.

    Args:
        shares: w_1 … w_n.
    """
    n = len(shares)
    return [
        sum(
            ((-1) ** (s - t - 1) * comb(n - t - 1, s - t - 1) * shares[s - 1] for s in range(t + 1, n + 1)),
            Fraction(0),
        )
        for t in range(n)
    ]


def size_weights(weights: Sequence[Fraction]) -> list[Fraction]:
    """Return q_t = n C(n−1, t) p_t, the weight of the mean marginal contribution; 1 for Shapley."""
    n = len(weights)
    return [n * comb(n - 1, t) * weights[t] for t in range(n)]


def amplification(weights: Sequence[Fraction]) -> float:
    """Return Σ_t C(n−1, t)|p_t|: how much of the size of a marginal contribution a score can have.

    1 for Shapley and Banzhaf; large where weights alternate in sign, and then samples scatter as much.
    """
    n = len(weights)
    return float(sum((comb(n - 1, t) * abs(p) for t, p in enumerate(weights)), Fraction(0)))


def semivalue_scores(table: np.ndarray, weights: Sequence[Fraction]) -> np.ndarray:
    """Return Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)) of games given by all their 2^n values.

    Every output enters with a weight of the size of p, so rounding does not grow as it does when the effects
    are formed first.

    Args:
        table: v(T) in bitmask order, shape (…, 2^n), n ≥ 1; floats are summed in float64, integers and
            Fractions exactly.
        weights: p_0 … p_{n−1}.

    Returns:
        Shape (…, n); float64, or dtype object holding Fractions.

    Raises:
        ShapeError: If the last dimension is not a power of two.
    """
    n = players_of(table)
    exact = table.dtype == object or np.issubdtype(table.dtype, np.integer)
    kind = object if exact else np.float64
    values = [w if exact else float(w) for w in weights]
    sizes = popcounts(n)
    joining = np.array([0, *values], dtype=kind)[sizes]  # p_{|T|−1} where a member has just joined
    leaving = np.array([*values, 0], dtype=kind)[sizes]  # p_{|T|} where it is still missing
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

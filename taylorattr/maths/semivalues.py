"""Semivalues, Shapley's among them: shares w_s of effects, weights p_t of marginal contributions, eq. (63).

Σ_{S∋i} w_{|S|} J(S) = Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)): every rule that looks only at the size of a coalition
and gives nothing to outsiders is of both forms. Scores are computed in the second: every output enters with a
weight of the size of p, at most 1/n for Shapley, so that rounding does not grow with n as it does when the
effects J(S) are formed first, which are sums of up to 2^n outputs of alternating sign.
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
    # one pass over the table serves all players: each member of T has joined it, each other one is missing
    joining = np.array([0, *values], dtype=kind)[sizes]  # p_{|T|−1} where a member has just joined
    leaving = np.array([*values, 0], dtype=kind)[sizes]  # p_{|T|} where it is still missing
    table = table.astype(kind, copy=False)
    gains = table - table[..., :1]  # the weights of one player add up to zero
    missing = (gains * leaving).sum(axis=-1, keepdims=True)
    return _member_sums(gains * (joining + leaving)) - missing


def _member_sums(table: np.ndarray) -> np.ndarray:
    """Return Σ_{T∋i} table(T) for each player i, shape (…, n).

    The last player splits the table in two halves, whose sum is the table of the others: the table is
    halved n times, and all sums together cost 2·2^n additions instead of n·2^n.
    """
    n = players_of(table)
    result = np.empty((*table.shape[:-1], n), dtype=table.dtype)
    for i in reversed(range(n)):
        absent, present = table[..., : 1 << i], table[..., 1 << i :]
        result[..., i] = present.sum(axis=-1)
        table = absent + present
    return result


def shapley_weights(n: int) -> list[Fraction]:
    """Return p_s = 1/(n C(n−1, s)) for s = 0 … n−1, the weight of a marginal contribution to s players."""
    return [Fraction(1, n * comb(n - 1, s)) for s in range(n)]


def shapley_values(table: np.ndarray) -> np.ndarray:
    """Return the Shapley values of games given by all their 2^n values, Σ_{S∋i} J(S)/|S|, eq. (27).

    Args:
        table: v(T) in bitmask order, shape (…, 2^n), n ≥ 1; floats are summed in float64, integers and
            Fractions exactly.

    Returns:
        Shape (…, n); float64, or dtype object holding Fractions.

    Raises:
        ShapeError: If the last dimension is not a power of two.

    Source: Shapley (1953), "A value for n-person games".
    """
    return semivalue_scores(table, shapley_weights(players_of(table)))

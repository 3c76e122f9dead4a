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
from taylorattr.maths.semivalues import semivalue_scores


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
    return semivalue_scores(table, shapley_weights(players_of(table)))

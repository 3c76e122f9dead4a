"""Shapley values by sampled orders of the players, each with its reverse.

A player's contribution is averaged over random orders in which the players join. An order and its reverse
are a pair (antithetic sampling): a player that joins early in one joins late in the other. Pairs are
independent of each other, so the spread of their means gives the standard error.

Sources: Castro, Gómez, Tejada (2009); Mitchell, Cooper, Frank, Holmes (2022) for the reversed orders.
"""

from __future__ import annotations

import numpy as np


def paired_ranks(generator: np.random.Generator, n: int, pairs: int) -> np.ndarray:
    """Return when each player joins, in `pairs` random orders and their reverses.

    Args:
        generator: Source of random numbers.
        n: Number of players.
        pairs: Number of pairs.

    Returns:
        Shape (2·pairs, n), int64; rows 2k and 2k+1 are an order and its reverse.
    """
    ranks = generator.permuted(np.tile(np.arange(n), (pairs, 1)), axis=1)
    return np.stack([ranks, n - 1 - ranks], axis=1).reshape(2 * pairs, n)


def chain_members(ranks: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Return coalitions start … stop of the orders' chains of growing coalitions.

    Coalition k belongs to order k // (n−1) and holds its first k % (n−1) + 1 players; ∅ and the coalition of
    all are left out.

    Args:
        ranks: Shape (P, n).
        start: First coalition.
        stop: One past the last.

    Returns:
        Shape (stop − start, n), bool.
    """
    # with one player there are no such coalitions, and nothing is divided by 0
    order, level = np.divmod(np.arange(start, stop), max(ranks.shape[1] - 1, 1))
    return ranks[order] <= level[:, None]


def contributions(values: np.ndarray, ranks: np.ndarray, empty: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Return each player's marginal contribution in each order.

    Args:
        values: v along the chains of :func:`chain_members`, shape (…, P·(n−1)).
        ranks: Shape (P, n).
        empty: v(∅), shape (…,).
        full: v(N), shape (…,).

    Returns:
        Shape (…, P, n).
    """
    orders, n = ranks.shape
    inner = values.reshape(*values.shape[:-1], orders, n - 1)
    ends = (*inner.shape[:-1], 1)
    first = np.broadcast_to(np.asarray(empty)[..., None, None], ends)
    last = np.broadcast_to(np.asarray(full)[..., None, None], ends)
    # steps are in the order of joining; a player's rank says which of them is its own
    steps = np.diff(np.concatenate([first, inner, last], axis=-1), axis=-1)
    return np.take_along_axis(steps, np.broadcast_to(ranks, steps.shape), axis=-1)

"""Möbius and zeta transforms over coalitions, in place, on full and on truncated tables.

Tables are arrays (…, C): full ones C = 2^n in bitmask order, truncated ones all |S| ≤ k by size then
lexicographic. The arithmetic is that of the array: int, float and object arrays of Fraction are exact
where their type is. CPU torch tensors are transformed through their ``.numpy()`` view.

A transform over subsets is a product of one step per player, each of which subtracts (adds) the entries
without the player from (to) those with it: n·2^{n−1} operations instead of 3^n. The steps are done in place,
since a table of 30 players is 8 GiB, and always for the players 0, 1, …, n−1: a sum of floats depends on its
order, and full and truncated tables are to agree bit for bit.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from taylorattr.errors import ShapeError
from taylorattr.maths.subsets import count_up_to, of_size, ranks


def players_of(table: np.ndarray) -> int:
    """Return n of a full table (…, 2^n).

    Raises:
        ShapeError: If the last dimension is not a power of two.
    """
    size = table.shape[-1]
    n = size.bit_length() - 1
    if size != 1 << n:
        raise ShapeError(f"a full table has 2**n columns; this one has {size}")
    return n


def _halves(table: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Return views of the entries without and with player i; writing to them writes to the table."""
    # bit i of the position is its own axis; of a C-contiguous table this is a view, of another one a copy
    pairs = table.reshape(*table.shape[:-1], -1, 2, 1 << i)
    return pairs[..., 0, :], pairs[..., 1, :]


def mobius_(table: np.ndarray) -> np.ndarray:
    """Replace v by J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} v(T) in place, eq. (3); n·2^{n−1} subtractions.

    Args:
        table: C-contiguous, shape (…, 2^n).

    Returns:
        The same array.
    """
    for i in range(players_of(table)):
        absent, present = _halves(table, i)
        np.subtract(present, absent, out=present)
    return table


def zeta_(table: np.ndarray) -> np.ndarray:
    """Replace J by v(S) = Σ_{T⊆S} J(T) in place, the inverse of :func:`mobius_`."""
    for i in range(players_of(table)):
        absent, present = _halves(table, i)
        np.add(present, absent, out=present)
    return table


def superset_sum_(table: np.ndarray) -> np.ndarray:
    """Replace J by Σ_{R⊇S} J(R) in place."""
    for i in range(players_of(table)):
        absent, present = _halves(table, i)
        np.add(absent, present, out=absent)
    return table


def mobius(values: np.ndarray) -> np.ndarray:
    """Return the Möbius transform of a full table (…, 2^n); the argument is left as it was."""
    return mobius_(np.array(values, order="C"))


def zeta(effects: np.ndarray) -> np.ndarray:
    """Return the zeta transform of a full table (…, 2^n); the argument is left as it was."""
    return zeta_(np.array(effects, order="C"))


@functools.lru_cache(maxsize=16)
def removal_maps(n: int, k: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return, for each player i, where the S ∋ i with |S| ≤ k stand, and where their S∖i stand.

    Returns:
        n pairs (targets, sources) of int64 position arrays in the order by size; read-only.
    """
    players, targets, sources = [], [], []
    start = 0
    for s in range(1, min(k, n) + 1):
        smaller, start = start, start + math.comb(n, s - 1)
        rows = of_size(n, s)
        for j in range(s):
            players.append(rows[:, j])
            targets.append(np.arange(start, start + len(rows)))
            sources.append(smaller + ranks(np.delete(rows, j, axis=1), n))
    # grouped by the removed player; stable, so that within a player memory is read forward
    who, target, source = (
        np.concatenate([np.empty(0, np.int64), *parts]) for parts in (players, targets, sources)
    )
    order = np.argsort(who, kind="stable")
    cuts = np.cumsum(np.bincount(who.astype(np.int64), minlength=n))[:-1] if n else []
    pairs = tuple(zip(np.split(target[order], cuts), np.split(source[order], cuts), strict=True))
    for pair in pairs:  # the cache hands the same arrays to every caller
        for positions in pair:
            positions.setflags(write=False)
    return pairs


def truncated_mobius_(table: np.ndarray, n: int, k: int) -> np.ndarray:
    """Replace v(T), |T| ≤ k, by J(S), |S| ≤ k, in place: the butterfly of :func:`mobius_` on a downset.

    J(S) needs only T ⊆ S, so nothing else is looked at; the operations on one entry are those of the
    full transform in the same order, hence bit for bit the same result.

    Args:
        table: Shape (…, Σ_{s≤k} C(n, s)), by size then lexicographic.
        n: Number of players.
        k: Largest size.

    Returns:
        The same array.

    Raises:
        ShapeError: If the last dimension does not fit.
    """
    if table.shape[-1] != count_up_to(n, k):
        raise ShapeError(
            f"{count_up_to(n, k)} coalitions have |S| ≤ {k} of {n}; the table has {table.shape[-1]}"
        )
    # targets hold player i, sources do not: a step never reads what it has just written
    for targets, sources in removal_maps(n, k):
        table[..., targets] -= table[..., sources]
    return table


def truncated_zeta_(table: np.ndarray, n: int, k: int) -> np.ndarray:
    """Replace J(S), |S| ≤ k, by v(T), |T| ≤ k, in place; inverse of :func:`truncated_mobius_`."""
    for targets, sources in removal_maps(n, k):
        table[..., targets] += table[..., sources]
    return table


def truncated_superset_sum_(table: np.ndarray, n: int, k: int) -> np.ndarray:
    """Replace J(S), |S| ≤ k, by Σ_{R⊇S, |R|≤k} J(R) in place.

    Bit for bit :func:`superset_sum_` of the full table with zeros at |R| > k; Σ_{s≤k} s·C(n, s) additions.

    Args:
        table: Shape (…, Σ_{s≤k} C(n, s)), by size then lexicographic.
        n: Number of players.
        k: Largest size.

    Returns:
        The same array.
    """
    for targets, sources in removal_maps(n, k):
        table[..., sources] += table[..., targets]
    return table

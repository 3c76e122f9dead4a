"""Möbius effects of a few coalitions of many players: on families that hold every part of their members.

A family of coalitions is a list of one table of sorted rows per size, as `subsets.of_size` gives it for all
of a size; position in the list = size. A *closed* family holds every subset of its members, ∅ among them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from taylorattr.aliases import Coalition

Family: TypeAlias = list[np.ndarray]
"""Size s -> rows (R_s, s), int64, each increasing, the rows in lexicographic order and different."""


def family(coalitions: Iterable[Coalition]) -> Family:
    """Return coalitions, each a sorted tuple, as a family."""
    by_size: dict[int, list[Coalition]] = {}
    for coalition in coalitions:
        by_size.setdefault(len(coalition), []).append(coalition)
    largest = max(by_size, default=0)
    tables = [by_size.get(s, []) for s in range(largest + 1)]
    return [_different(np.array(t, dtype=np.int64).reshape(len(t), s)) for s, t in enumerate(tables)]


def closed(members: Family) -> Family:
    """Return the smallest closed family that holds a family."""
    whole: Family = [np.zeros((1, 0), dtype=np.int64), *(rows for rows in members[1:])]
    for s in range(len(whole) - 1, 1, -1):  # from the largest size down, each adds the parts one smaller
        parts = [np.delete(whole[s], place, axis=1) for place in range(s)]
        whole[s - 1] = _different(np.concatenate([whole[s - 1], *parts]))
    return whole


def cliques(meets: np.ndarray, order: int, most: int) -> Family | None:
    """Return the coalitions of up to `order` players every two of which meet; a closed family.

    Args:
        meets: Symmetric bool table (n, n).
        order: Largest size.
        most: Give up when there are more of them.

    Returns:
        The family, None where there are more than `most`.
    """
    n = len(meets)
    after = np.triu(meets, 1)
    whole: Family = [np.zeros((1, 0), dtype=np.int64), np.arange(n, dtype=np.int64)[:, None]]
    total = 1 + n
    while len(whole) <= order and len(whole[-1]):
        parts: list[np.ndarray] = []
        rows_at_once = max(1, 2**24 // max(n, 1))
        for start in range(0, len(whole[-1]), rows_at_once):
            rows = whole[-1][start : start + rows_at_once]
            common = after[rows[:, -1]].copy()
            for column in range(rows.shape[1] - 1):
                common &= after[rows[:, column]]
            row, last = np.nonzero(common)
            total += len(row)
            if total > most:
                return None
            parts.append(np.concatenate([rows[row], last[:, None]], axis=1))
        whole.append(np.concatenate(parts))
    return whole if total <= most else None


def presence(rows: np.ndarray, n: int) -> np.ndarray:
    """Return rows of players as a bool table (R, n)."""
    present = np.zeros((len(rows), n), dtype=bool)
    np.put_along_axis(present, rows, True, axis=1)
    return present


def closed_mobius(whole: Family, values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return J(S) = v(S) − Σ_{T⊊S} J(T) of every member of a closed family.

    Args:
        whole: The family.
        values: v of the members of each size, shapes (R_s,).

    Returns:
        Shapes (R_s,), size by size. Cost: 2^s look-ups for a coalition of s players.
    """
    effects: list[np.ndarray] = []
    for s, (rows, v) in enumerate(zip(whole, values, strict=True)):
        effect = np.array(v)
        for t in range(s):
            for columns in itertools.combinations(range(s), t):
                effect -= effects[t][positions(rows[:, list(columns)], whole[t])]
        effects.append(effect)
    return effects


def positions(rows: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return where each row stands in a table of the same size, lexicographic; every row must be there."""
    if rows.shape[1] == 0:
        return np.zeros(len(rows), dtype=np.int64)
    return np.searchsorted(_keys(table), _keys(rows))


def subsets_of(coalition: Coalition) -> Iterator[Coalition]:
    """Yield every subset of a coalition by size, ∅ first."""
    for size in range(len(coalition) + 1):
        yield from itertools.combinations(coalition, size)


def _keys(rows: np.ndarray) -> np.ndarray:
    """Return rows as single sortable values, in lexicographic order."""
    if rows.shape[1] == 1:
        return rows[:, 0]
    fields = [(f"p{column}", np.int64) for column in range(rows.shape[1])]
    return np.ascontiguousarray(rows, dtype=np.int64).view(fields).reshape(-1)


def _different(rows: np.ndarray) -> np.ndarray:
    """Return the different rows in lexicographic order."""
    return rows if len(rows) < 2 or rows.shape[1] == 0 else np.unique(rows, axis=0)

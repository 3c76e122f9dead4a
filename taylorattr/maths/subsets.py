"""Coalitions of n players as sorted tuples and as bitmasks, their enumeration and their ranks.

Two orderings are used. A full table is in *bitmask order*: position = mask, bit i = player i, ∅ first.
A truncated table is *by size*, and within a size lexicographic, as ``itertools.combinations`` lists
them, ∅ first.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

from taylorattr.aliases import Coalition
from taylorattr.errors import OptionError

MAX_MASK_PLAYERS = 62
"""A bitmask of this many players still fits a signed 64-bit integer with room for sums."""


def to_mask(coalition: Iterable[int]) -> int:
    """Return the bitmask Σ 2^i of a coalition."""
    return sum(1 << i for i in set(coalition))


def to_coalition(mask: int) -> Coalition:
    """Return the sorted players of a bitmask."""
    mask = int(mask)
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)


def popcounts(n: int) -> np.ndarray:
    """Return |S| for every mask of n players, shape (2^n,), uint8."""
    # with each player the table doubles: the masks with bit i are those without it, one player larger
    sizes = np.zeros(1 << n, dtype=np.uint8)
    for i in range(n):
        np.add(sizes[: 1 << i], 1, out=sizes[1 << i : 1 << (i + 1)])
    return sizes


def count_up_to(n: int, k: int) -> int:
    """Return the number of coalitions with |S| ≤ k: Σ_{s≤k} C(n, s)."""
    total = of_this_size = 1
    for s in range(min(k, n)):  # each from the one before: binomials of thousands take long one by one
        of_this_size = of_this_size * (n - s) // (s + 1)
        total += of_this_size
    return total


def of_size(n: int, s: int) -> np.ndarray:
    """Return the coalitions of size s as sorted rows, lexicographic, shape (C(n, s), s), int32."""
    rows = math.comb(n, s)
    flat = itertools.chain.from_iterable(itertools.combinations(range(n), s))
    return np.fromiter(flat, dtype=np.int32, count=rows * s).reshape(rows, s)


def masks_of_size(n: int, s: int) -> np.ndarray:
    """Return the bitmasks of the coalitions of size s, lexicographic by their tuples, shape (C(n, s),).

    int64 up to 62 players, Python integers (dtype object) beyond.
    """
    bits = [1 << i for i in range(n)]
    weights = np.array(bits, dtype=np.int64 if n <= MAX_MASK_PLAYERS else object)
    return weights[of_size(n, s)].sum(axis=1, initial=0).astype(weights.dtype, copy=False)


def masks_up_to(n: int, k: int) -> np.ndarray:
    """Return the bitmasks of the coalitions with |S| ≤ k, by size, ∅ first; int64 up to 62 players."""
    return np.concatenate([masks_of_size(n, s) for s in range(min(k, n) + 1)])


@functools.lru_cache(maxsize=64)
def _binomials(n: int, s: int) -> np.ndarray:
    """Return C(a, b) for a = 0 … n and b = 0 … s, int64."""
    return np.array([[math.comb(a, b) for b in range(s + 1)] for a in range(n + 1)], dtype=np.int64)


def ranks(rows: np.ndarray, n: int) -> np.ndarray:
    """Return the lexicographic rank of each sorted row among all coalitions of its size.

    rank(c) = C(n, s) − 1 − Σ_j C(n − 1 − c_j, s − j), j = 0 … s−1.

    Args:
        rows: Coalitions of one size, shape (R, s), each row increasing.
        n: Number of players.

    Returns:
        Shape (R,), int64.
    """
    s = rows.shape[1]
    table = _binomials(n, s)
    rank = np.full(len(rows), math.comb(n, s) - 1, dtype=np.int64)
    for j in range(s):
        rank -= table[n - 1 - rows[:, j], s - j]
    return rank


def unrank(position: int, n: int, s: int) -> Coalition:
    """Return the coalition of size s at a lexicographic position; inverse of :func:`ranks`."""
    # the combinatorial number system, read from the end so that the order is lexicographic
    remaining = math.comb(n, s) - 1 - position
    coalition = []
    a = n - 1
    for j in range(s):
        while math.comb(a, s - j) > remaining:
            a -= 1
        remaining -= math.comb(a, s - j)
        coalition.append(n - 1 - a)
        a -= 1
    return tuple(coalition)


class Coalitions(Sequence[Coalition]):
    """The coalitions of n players as a sequence that computes its entries when asked.

    Args:
        n: Number of players.
        max_order: None for all 2^n in bitmask order; k for those with |S| ≤ k, by size then
            lexicographic.
    """

    def __init__(self, n: int, max_order: int | None = None) -> None:
        """Store the two numbers; nothing is enumerated."""
        self.n = n
        self.max_order = max_order
        sizes = [] if max_order is None else [math.comb(n, s) for s in range(min(max_order, n) + 1)]
        self._starts = [0, *itertools.accumulate(sizes)]

    def __len__(self) -> int:
        """Return the number of coalitions."""
        return 1 << self.n if self.max_order is None else self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Coalition: ...
    @overload
    def __getitem__(self, index: slice) -> list[Coalition]: ...
    def __getitem__(self, index: int | slice) -> Coalition | list[Coalition]:
        """Return the coalition at a position, or the list of those in a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = int(index)
        position += len(self) if position < 0 else 0
        if not 0 <= position < len(self):
            raise IndexError(f"position {index} of {len(self)} coalitions")
        if self.max_order is None:
            return to_coalition(position)
        size = next(s for s, end in enumerate(self._starts[1:]) if position < end)
        return unrank(position - self._starts[size], self.n, size)

    def __iter__(self) -> Iterator[Coalition]:
        """Iterate without building a list."""
        if self.max_order is None:
            return map(to_coalition, range(1 << self.n))
        sizes = range(min(self.max_order, self.n) + 1)
        return itertools.chain.from_iterable(itertools.combinations(range(self.n), s) for s in sizes)

    def index(self, value: Iterable[int], start: int = 0, stop: int | None = None) -> int:  # noqa: ARG002
        """Return the position of a coalition, given in any order of its players.

        Raises:
            OptionError: If a player is out of range or the coalition is larger than ``max_order``.
        """
        coalition = sorted({int(i) for i in value})
        if coalition and not 0 <= coalition[0] <= coalition[-1] < self.n:
            raise OptionError(f"coalition {tuple(coalition)} names players outside 0 … {self.n - 1}")
        if self.max_order is None:
            return to_mask(coalition)
        if len(coalition) > self.max_order:
            raise OptionError(
                f"coalition {tuple(coalition)} has {len(coalition)} players, the table holds at most "
                f"{self.max_order}; compute it with a larger max_order"
            )
        # reshape: the array of ∅ would have no dimension of players
        row = np.array([coalition], dtype=np.int64).reshape(1, len(coalition))
        return self._starts[len(coalition)] + int(ranks(row, self.n)[0])

    def __contains__(self, value: object) -> bool:
        """Return whether the (sorted or unsorted) tuple of players is in the table."""
        try:
            self.index(value)  # pyright: ignore[reportArgumentType]
        except (OptionError, TypeError, ValueError):
            return False
        return True

    def positions(self, size: int) -> np.ndarray | slice:
        """Return where the coalitions of one size stand: an index array (full) or a slice (truncated)."""
        if self.max_order is not None:
            if size > min(self.max_order, self.n):
                return slice(0, 0)
            return slice(self._starts[size], self._starts[size + 1])
        return np.flatnonzero(popcounts(self.n) == size) if size <= self.n else np.empty(0, dtype=np.int64)

    @property
    def masks(self) -> np.ndarray:
        """Bitmask of every coalition, in table order; int64 up to 62 players, Python integers beyond."""
        if self.max_order is None:
            return np.arange(1 << self.n, dtype=np.int64)
        return masks_up_to(self.n, self.max_order)

    @property
    def sizes(self) -> np.ndarray:
        """|S| of every coalition, in table order, uint8 (full) or int16 (truncated)."""
        if self.max_order is None:
            return popcounts(self.n)
        lengths = np.diff(self._starts)
        return np.repeat(np.arange(len(lengths), dtype=np.int16), lengths)

    def __repr__(self) -> str:
        """Say how many there are and in which order."""
        which = "bitmask order" if self.max_order is None else f"|S| ≤ {self.max_order}, by size"
        return f"Coalitions({self.n} players, {len(self)} coalitions, {which})"

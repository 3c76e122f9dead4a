"""Who receives: the letters of a ratio that stand for a receiver, and what each receiver is called."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.symbols import Expr, i, i2, indexed, p
from taylorattr.maths.subsets import Coalitions

Quantities: TypeAlias = Mapping[str, np.ndarray]
"""The resolved context: name -> array, and the size of each dimension under its letter."""


@dataclass(frozen=True)
class Receivers:
    """A kind of receivers.

    Attributes:
        letters: n, context -> letter -> what it counts for each receiver, from 0, shape (R,).
        names: Names of the players, context -> names of the receivers.
        values: n, context -> quantities that differ by receiver, the last axis being the receivers.
    """

    letters: Callable[[int, Quantities], Mapping[Expr, np.ndarray]]
    names: Callable[[Sequence[str], Quantities], Sequence[str]]
    values: Callable[[int, Quantities], Quantities] = field(default=lambda n, context: {})


PLAYERS = Receivers(lambda n, context: {i: np.arange(n)}, lambda players, context: players)
"""One receiver per player, letter i."""

PAIRS = Receivers(
    lambda n, context: {i: np.repeat(np.arange(n), n), i2: np.tile(np.arange(n), n)},
    lambda players, context: [f"{a}, {b}" for a, b in itertools.product(players, repeat=2)],
)
"""Every ordered pair (i, i2), the diagonal included, row by row."""

POSITIONS = Receivers(
    lambda n, context: {p: np.arange(int(context["Z"]))},
    lambda players, context: [f"position {at}" for at in range(int(context["Z"]))],
)
"""One receiver per position p = 1 … Z of feature maps."""

COALITION = indexed("S")
"""S_j: 1 where player j belongs to the receiving coalition, else 0."""

r: Expr = sp.Symbol("r", integer=True, positive=True)
"""Size of the receiving coalition."""


ORDER = Need("largest size k of a receiving coalition", (), 2)


def no_order(context: Quantities) -> str | None:
    """Return why k is no size of coalitions, or None."""
    size = context["k"]
    return None if size >= 1 and size == int(size) else f"k = {size}; expected a whole number, at least 1"


def coalitions(sizes: Callable[[int, Quantities], tuple[int, int]]) -> Receivers:
    """Return coalitions as receivers: letters S_j and r = |S|.

    Args:
        sizes: n, context -> smallest and largest |S|.

    Returns:
        The receivers, by size and then lexicographic.
    """

    def members(n: int, context: Quantities) -> list[tuple[int, ...]]:
        first, last = sizes(n, context)
        return [c for c in Coalitions(n, min(last, n)) if len(c) >= first]

    def values(n: int, context: Quantities) -> Quantities:
        receiving = members(n, context)
        table = np.zeros((n, len(receiving)), dtype=np.int64)
        for column, coalition in enumerate(receiving):
            table[list(coalition), column] = 1
        return {str(COALITION.label): table, str(r): table.sum(0)}

    return Receivers(
        letters=lambda n, context: {sp.Symbol("S"): np.arange(len(members(n, context)))},
        names=lambda players, context: [
            " × ".join(players[j] for j in c) for c in members(len(players), context)
        ],
        values=values,
    )


UP_TO_ORDER = coalitions(lambda n, context: (1, int(context["k"])))
"""Every coalition of at most k players; k is a quantity of the context."""

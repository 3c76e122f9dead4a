"""The coalitions an audit asks about, and their rows: x on T, b elsewhere, bit for bit.

Up to 12 players all 2^n coalitions are asked about. Beyond that those of low order are, which give the
effects of that order exactly, and more are drawn at random to see what the low ones cannot show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.errors import BudgetError
from taylorattr.maths.subsets import count_up_to, masks_up_to, of_size

MOST_PLAYERS_IN_FULL = 12
"""Most players whose 2^n coalitions are all asked for unless told otherwise."""

ORDER_BEYOND_FULL = 2
"""Largest coalitions asked for beyond that, besides those drawn at random."""

MOST_AUDITED_COALITIONS = 2**20
"""Most coalitions of one example: their scores for 20 players take 160 MiB."""


@dataclass(frozen=True)
class Reach:
    """Which coalitions are asked for.

    Attributes:
        present: Coalitions, ∅ first, shape (C, n): those of the effects, then x, then those drawn.
        order: None where the first ones are all 2^n in bitmask order, else the largest size.
        exact: How many belong to the effects.
    """

    present: np.ndarray
    order: int | None
    exact: int

    @property
    def drawn(self) -> int:
        """How many there are besides those of the effects: x, and those drawn at random."""
        return len(self.present) - self.exact


def reach_of(n: int, max_order: int | None, samples: int, seed: int) -> Reach:
    """Return the coalitions that an audit of n players asks for.

    Args:
        n: Number of players.
        max_order: Largest coalitions of the effects; None: all up to 12 players, else 2.
        samples: How many more are drawn where not all are asked for.
        seed: Of the draws.

    Raises:
        BudgetError: If there are more than 2^20.
    """
    if max_order is None and n > MOST_PLAYERS_IN_FULL:
        max_order = ORDER_BEYOND_FULL
    count = 2**n if max_order is None or max_order >= n else count_up_to(n, max_order)
    if count + samples > MOST_AUDITED_COALITIONS:
        raise BudgetError(
            f"an audit of {n} players up to order {max_order} asks for {count} coalitions (limit "
            f"{MOST_AUDITED_COALITIONS}); group elements with players=, or use a smaller max_order and "
            "samples="
        )
    if max_order is None or max_order >= n:
        return Reach(full_masks(n), None, count)
    x = np.ones((1, n), dtype=bool)  # the gap at x is part of every report
    present = np.concatenate([limited_masks(n, max_order), x, sampled_masks(n, samples, seed)])
    return Reach(present, max_order, count)


def full_masks(n: int) -> np.ndarray:
    """Return every coalition in bitmask order, ∅ first: shape (2^n, n), bool."""
    return (np.arange(1 << n)[:, None] >> np.arange(n)) & 1 != 0


def limited_masks(n: int, order: int) -> np.ndarray:
    """Return the coalitions with |T| ≤ order by size, ∅ first: shape (C, n), bool."""
    masks = masks_up_to(n, order)
    return np.array([[mask >> i & 1 for i in range(n)] for mask in masks.tolist()], dtype=bool).reshape(-1, n)


def sampled_masks(n: int, count: int, seed: int) -> np.ndarray:
    """Return coalitions whose size is uniform on 1 … n, shape (count, n), bool.

    A given coalition S of size s lies in a drawn T with probability (n+1)/(n(s+1)), against 2^{−s} for masks
    that are uniform on all 2^n: large coalitions, where high orders act, are seen often.

    Args:
        n: Number of players.
        count: How many.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, n + 1, size=count)
    ranks = rng.random((count, n)).argsort(axis=1).argsort(axis=1)
    return ranks < sizes[:, None]


def inclusion_probability(n: int, s: int) -> float:
    """Return P(S ⊆ T) for |S| = s ≥ 1 and |T| uniform on 1 … n: (n+1)/(n(s+1))."""
    return (n + 1) / (n * (s + 1)) if s else 1.0


def sampled_supports(n: int, order: int, count: int, seed: int) -> np.ndarray:
    """Return different coalitions of one size, sorted players, shape (≤ count, order).

    Args:
        n: Number of players.
        order: Their size.
        count: How many; all, where there are not more.
        seed: Of the draws.
    """
    total = math.comb(n, order)
    rng = np.random.default_rng(seed)
    if total <= 4 * count:  # few enough to list; rejection would draw the same ones again and again
        return of_size(n, order)[np.sort(rng.permutation(total)[:count])]
    supports: dict[tuple[int, ...], None] = {}
    while len(supports) < count:
        supports[tuple(sorted(rng.permutation(n)[:order].tolist()))] = None
    return np.array(list(supports))


def subsets_of(supports: np.ndarray, n: int) -> np.ndarray:
    """Return all T ⊆ S of each support in bitmask order of its players, shape (supports·2^s, n), bool."""
    s = supports.shape[1]
    bits = full_masks(s)
    rows = np.zeros((len(supports), 1 << s, n), dtype=bool)
    for k, support in enumerate(supports):
        rows[k][:, support] = bits
    return rows.reshape(-1, n)


def masked_rows(game: Game, present: np.ndarray, example: int) -> tuple[Tensor, ...]:
    """Return x_T of one example for each coalition.

    Every element is copied from x or from b, never computed, so that what is off T is bit-equal to b and no
    method sees rounding there: b + 1·(x − b) is not always x.

    Args:
        game: The game.
        present: Shape (m, n), bool.
        example: Which example.

    Returns:
        Tensors (m, …) in the dtype of the game's inputs; elements of no player as in the game.
    """
    # the last column serves the elements of no player: at x, where `rest` has put what is held at b
    chosen = torch.from_numpy(np.concatenate([present, np.ones((len(present), 1), dtype=bool)], axis=1))
    rows = []
    for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
        column = torch.where(owner < 0, game.n, owner).reshape(-1)
        on = chosen.to(x.device)[:, column].reshape(len(present), *owner.shape)
        rows.append(torch.where(on, x[example], b[example]))
    return tuple(rows)

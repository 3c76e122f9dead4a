"""The coalitions an audit asks about, and their rows: x on T, b elsewhere, bit for bit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.maths.subsets import masks_up_to, of_size


@dataclass(frozen=True)
class Reach:
    """Which coalitions are asked for.

    Attributes:
        present: Coalitions, ∅ first, shape (C, n): those of the effects, then those drawn.
        order: None where the first ones are all 2^n in bitmask order, else the largest size.
        exact: How many belong to the effects.
    """

    present: np.ndarray
    order: int | None
    exact: int

    @property
    def drawn(self) -> int:
        """How many more: x, and those drawn at random."""
        return len(self.present) - self.exact


def full_masks(n: int) -> np.ndarray:
    """Return every coalition in bitmask order, ∅ first: shape (2^n, n), bool."""
    return (np.arange(1 << n)[:, None] >> np.arange(n)) & 1 != 0


def limited_masks(n: int, order: int) -> np.ndarray:
    """Return the coalitions with |T| ≤ order by size, ∅ first: shape (C, n), bool."""
    masks = masks_up_to(n, order)
    return np.array([[mask >> i & 1 for i in range(n)] for mask in masks.tolist()], dtype=bool).reshape(-1, n)


def masked_rows(game: Game, present: np.ndarray, example: int) -> tuple[Tensor, ...]:
    """Return x_T of one example for each coalition.

    Every element is copied from x or from b, never computed, so that what is off T is bit-equal to b and no
    method sees rounding there.

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
        place = torch.where(owner < 0, game.n, owner).reshape(-1)
        on = chosen.to(x.device)[:, place].reshape(len(present), *owner.shape)
        rows.append(torch.where(on, x[example], b[example]))
    return tuple(rows)


def sampled_masks(n: int, count: int, seed: int) -> np.ndarray:
    """Return coalitions whose size is uniform on 1 … n, shape (count, n), bool.

    A given coalition S of size s lies in a drawn T with probability (n+1)/(n(s+1)), against 2^{−s} for
    uniform masks.

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
    if total <= 4 * count:
        return of_size(n, order)[np.sort(rng.permutation(total)[:count])]
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        found[tuple(sorted(rng.permutation(n)[:order].tolist()))] = None
    return np.array(list(found))


def subsets_of(supports: np.ndarray, n: int) -> np.ndarray:
    """Return all T ⊆ S of each support in bitmask order of its players, shape (supports·2^s, n), bool."""
    s = supports.shape[1]
    bits = (np.arange(1 << s)[:, None] >> np.arange(s)) & 1 != 0
    rows = np.zeros((len(supports), 1 << s, n), dtype=bool)
    for k, support in enumerate(supports):
        rows[k][:, support] = bits
    return rows.reshape(-1, n)

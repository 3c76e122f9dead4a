"""The rows of an audit: x on T, b elsewhere, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.maths.subsets import masks_up_to


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

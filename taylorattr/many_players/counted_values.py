"""The values of one example's game, asked for by coalition, counted and remembered."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch

from taylorattr.analysis.game import Game
from taylorattr.analysis.masking import WORTH_FOLDING, CoalitionValues
from taylorattr.effects import rounding

REMEMBERED_ROWS = 1 << 16
"""Coalitions of one request up to which they are remembered; larger ones ask for each coalition once."""


class CountedValues:
    """v(T) = f(x on T, b elsewhere) of one example.

    Args:
        game: The game.
        example: Which example.
        progress: Called with the number of outputs of each finished block.

    Attributes:
        n: Number of players.
        evaluations: Outputs computed so far.
        products: Derivative products and gradients taken so far.
        spent: What both have cost, in outputs.
    """

    def __init__(self, game: Game, example: int, progress: Callable[[int], object] | None = None) -> None:
        self.game, self.example, self.n = game, example, game.n
        self.evaluations = self.products = self._derivatives = 0
        self._progress = progress
        self._known: dict[bytes, float] = {}
        # small requests, one after the other, do not repay a fold's preparation; large ones are folded anew
        self._evaluate = CoalitionValues(game, example, fold=False)

    @property
    def spent(self) -> int:
        """What was spent, in outputs."""
        return self.evaluations + self._derivatives

    def count_products(self, count: int, each: int) -> None:
        """Note derivative products that cost as much as so many outputs each."""
        self.products += count
        self._derivatives += each * count

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return v of coalitions, bool (R, n), as float64 (R,)."""
        if len(rows) > REMEMBERED_ROWS:
            return self._compute(rows)
        keys = [row.tobytes() for row in np.packbits(rows, axis=1)]
        new = {key: place for place, key in enumerate(keys) if key not in self._known}
        if new:
            values = self._compute(rows[list(new.values())])
            self._known.update(zip(new, values.tolist(), strict=True))
        return np.array([self._known[key] for key in keys], dtype=np.float64)

    def _compute(self, rows: np.ndarray) -> np.ndarray:
        self.evaluations += len(rows)
        masks = torch.from_numpy(np.ascontiguousarray(rows))
        if len(rows) < WORTH_FOLDING:
            values = self._evaluate(masks, self._progress)
        else:
            values = CoalitionValues(self.game, self.example)(masks, self._progress)
        return values.double().cpu().numpy()

    @cached_property
    def rounding(self) -> float:
        """Bound of the rounding error of one value: a sample is evaluated twice, and in another precision."""
        game, scalar = self.game, self.game.scalar
        generator = np.random.default_rng(0)
        rows = generator.random((rounding.SAMPLE[1], self.n)) < 0.5
        rows[0], rows[1] = False, True
        values = torch.from_numpy(self(rows))
        partner = scalar.in_precision(rounding.PARTNER[game.dtype], game.inputs)
        points = game.points(torch.from_numpy(rows).to(game.device, game.dtype), self.example)
        again, other = [], []
        with torch.no_grad():
            for start in range(0, len(rows), rounding.SMALL_BATCH):
                few = tuple(p[start : start + rounding.SMALL_BATCH] for p in points)
                which = torch.full((len(few[0]),), self.example)
                again.append(scalar.values(few, which))
                if partner is not None:
                    cast = (p.to(partner.dtype) if p.is_floating_point() else p for p in few)
                    other.append(partner.values(tuple(cast), which).cpu())
        lowest = game.diagnostics.get("lowest_dtype", str(game.dtype)).removeprefix("torch.")
        error = rounding.output_error(
            values.to(game.dtype),
            torch.cat(again).cpu(),
            torch.cat(other) if other else None,
            getattr(torch, lowest),
        )
        return float(error)

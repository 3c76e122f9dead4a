"""A model in the forms that other libraries take: one output, one input tensor, or a game of the players."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.analysis.players import Players

MASKED_ROWS_PER_CALL = 4096
"""Masked rows in one call of the model: all coalitions of 12 players."""


class OneOutput(nn.Module):
    """A model with the one output that is explained, shape (B, 1), for libraries that take no target.

    Args:
        model: The model; as a submodule, so that its layers are found.
        target: Of the output: an index, a tuple of them, None (the only one), or a callable output -> (B,).
        like: A tensor, or several, in the dtype that the model takes. Libraries that build rows in single
            precision of their own get them converted.
    """

    def __init__(self, model: Callable[..., Tensor], target: Any, like: Any) -> None:
        super().__init__()
        self.model, self.target = model, target
        first = like[0] if isinstance(like, tuple) else like
        self.dtype = first.dtype
        self.eval()

    def forward(self, *rows: Tensor) -> Tensor:
        """Return the output of the target."""
        # integer rows are token ids or categories, which no dtype of the model concerns
        output: Any = self.model(*(r.to(self.dtype) if r.is_floating_point() else r for r in rows))
        if callable(self.target):
            values: Any = self.target(output)
            return values[:, None]
        if self.target is None:
            return output.reshape(len(output), -1)[:, :1]
        index: tuple[Any, ...] = self.target if isinstance(self.target, tuple) else (self.target,)
        return output[(slice(None), *index)][:, None]


class OneInput(nn.Module):
    """A model of one tensor (m, Σ) that is split into several, for libraries that take one input.

    Args:
        model: Of several tensors.
        shapes: Of one row of each.
    """

    def __init__(self, model: nn.Module, shapes: list[tuple[int, ...]]) -> None:
        super().__init__()
        self.model, self.shapes = model, shapes

    @staticmethod
    def joined(parts: tuple[Tensor, ...]) -> Tensor:
        """Return tensors (m, …) side by side, (m, Σ)."""
        return torch.cat([part.reshape(len(part), -1) for part in parts], dim=1)

    def split(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Return the tensors (m, …) that rows (m, Σ) were made of."""
        parts = rows.split([torch.Size(shape).numel() for shape in self.shapes], dim=1)
        return tuple(part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output of the parts."""
        return self.model(*self.split(rows))


class PlayerGame:
    """v(S): the output with the players of S at the row, the others at the baseline.

    A player that stands at its baseline in the row changes nothing, so coalitions that differ in such players
    only are computed once: over all 2ⁿ masked rows 3ⁿ points instead of 4ⁿ.

    Args:
        model: One output, (m, 1).
        row: Tensors (1, …).
        baselines: The same.
        players: Elements of none stay as in the row.
    """

    def __init__(
        self, model: nn.Module, row: tuple[Tensor, ...], baselines: tuple[Tensor, ...], players: Players
    ) -> None:
        self.model, self.row, self.baselines = model, row, baselines
        self.n = len(players.groups)
        sizes = [part[0].numel() for part in row]
        # elements of no player belong to one more, number n, which is always present
        owner = torch.full((sum(sizes),), self.n, dtype=torch.int64)
        differs = torch.cat([(r != b).reshape(-1).cpu() for r, b in zip(row, baselines, strict=True)])
        self.moves = np.zeros(self.n, dtype=bool)
        for player, group in enumerate(players.groups):
            owner[list(group)] = player
            self.moves[player] = bool(differs[list(group)].any())
        self.owners = owner.split(sizes)

    def __call__(self, coalitions: Any) -> np.ndarray:
        """Return v of each coalition.

        Args:
            coalitions: Shape (k, n), or (n,) for one; present where > 0.5.

        Returns:
            Shape (k,), float64.
        """
        effective = (np.atleast_2d(np.asarray(coalitions)) > 0.5) & self.moves
        distinct, which = np.unique(effective, axis=0, return_inverse=True)
        step = MASKED_ROWS_PER_CALL
        values = [self._values(distinct[k : k + step]) for k in range(0, len(distinct), step)]
        return np.concatenate(values)[which.reshape(-1)]  # numpy 2.0 alone gives `which` a second axis

    def _values(self, coalitions: np.ndarray) -> np.ndarray:
        """Return v of coalitions (k, n), one row of the model each."""
        players = torch.from_numpy(coalitions).to(self.row[0].device)
        present = torch.cat([players, players.new_ones(len(players), 1)], dim=1)  # and the elements of none
        points = [
            torch.where(present[:, o.to(present.device)].reshape(-1, *r.shape[1:]), r, b)
            for o, r, b in zip(self.owners, self.row, self.baselines, strict=True)
        ]
        with torch.no_grad():
            return self.model(*points)[:, 0].cpu().double().numpy()


def games(model: nn.Module, rows: Any, baselines: Any, players: Players) -> list[PlayerGame]:
    """Return the game at each of m rows.

    Args:
        model: One output.
        rows: Tensor (m, …) or tuple of them.
        baselines: Tensor (1, …) or tuple of them.
        players: The players.
    """
    ends, starts = (v if isinstance(v, tuple) else (v,) for v in (rows, baselines))
    return [
        PlayerGame(model, tuple(e[k : k + 1] for e in ends), starts, players) for k in range(len(ends[0]))
    ]

"""The game of the players at one row, as a function of coalitions, for libraries that share out games."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.analysis.players import Players

ROWS = 4096
"""Masked rows per call of the model."""


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
        owner = torch.full((sum(sizes),), self.n, dtype=torch.int64)
        differs = torch.cat([(r != b).reshape(-1).cpu() for r, b in zip(row, baselines, strict=True)])
        self.live = np.zeros(self.n, dtype=bool)
        for player, group in enumerate(players.groups):
            owner[list(group)] = player
            self.live[player] = bool(differs[list(group)].any())
        self.owners = owner.split(sizes)

    def __call__(self, coalitions: Any) -> np.ndarray:
        """Return v of each coalition.

        Args:
            coalitions: Shape (k, n), or (n,) for one; present where > 0.5.

        Returns:
            Shape (k,), float64.
        """
        asked = (np.atleast_2d(np.asarray(coalitions)) > 0.5) & self.live
        distinct, place = np.unique(asked, axis=0, return_inverse=True)
        values = [self._values(distinct[k : k + ROWS]) for k in range(0, len(distinct), ROWS)]
        return np.concatenate(values)[place.reshape(-1)]

    def _values(self, coalitions: np.ndarray) -> np.ndarray:
        known = torch.from_numpy(coalitions).to(self.row[0].device)
        present = torch.cat([known, known.new_ones(len(known), 1)], dim=1)
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

"""Rules along a path of straight pieces: gradients at nodes on each piece, eq. (64)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import gradient_rows
from taylorattr.design.ways.ladder import climb, say_error
from taylorattr.design.ways.power import along
from taylorattr.design.ways.way import Budget, Way
from taylorattr.maths.path_rules import path_rule
from taylorattr.methods.scores import Scores, float64


@dataclass(frozen=True, eq=False)
class Pieces(Way):
    """a_i = Σ_pieces (s_i' − s_i) Δ_i ∫ ∂_i f(b + Δ∘(s + t(s' − s))) dt.

    The integrals add up to f(x) − f(b), so what the sum misses says how far off the nodes are.

    Args:
        knots: Places s of the players, shape (K + 1, n).
        name_of_rule: For messages.
        from_input: Whether the path starts at the input.
    """

    knots: np.ndarray
    name_of_rule: str
    from_input: bool = False

    name = "path"

    @property
    def words(self) -> str:
        """The path."""
        start = "the input" if self.from_input else "the baseline"
        return f"gradients along {len(self.knots) - 1} straight pieces from {start}"

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the sums over pieces and nodes; `n_steps` counts the nodes of a piece."""
        game = question.game
        rows, delta = gradient_rows(game), float64(game.delta)
        steps = np.diff(self.knots, axis=0)

        def step(count: int, examples: Tensor) -> tuple[Tensor, Tensor]:
            t, omega = path_rule("gauss_legendre", count)
            travelled = (self.knots[:-1, None] + t[:, None] * steps[:, None]).reshape(-1, game.n)
            weights = torch.from_numpy((omega[:, None] * steps[:, None]).reshape(-1, game.n))
            places = torch.from_numpy(1 - travelled if self.from_input else travelled)
            found = torch.stack([along(game, places, weights, int(e), rows) for e in examples])
            missing = (delta[examples] - found.sum(1)).abs()
            return found, torch.where(missing == 0, missing, missing / found.abs().sum(1))

        found = climb(step, game.batch, game.n, game.dtype, n_steps=budget.n_steps, tol=budget.tol)
        say_error(found, self.name_of_rule, budget.tol)
        facts = found.facts("what the sum misses of f(x) − f(b)")
        return Scores(players=found.scores, diagnostics={"pieces": len(steps), **facts})

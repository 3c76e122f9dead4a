"""Rules κ_i p_i/Σκ_j p_j: gradients along a path on which players move at different speeds, eq. (64)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.player_sums import sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import gradient_rows, value_and_gradient
from taylorattr.design.ways.ladder import climb, say_error
from taylorattr.design.ways.way import Budget, Way
from taylorattr.maths.path_rules import path_rule
from taylorattr.methods.scores import Scores, float64

SMOOTH = 3.0
"""The smallest exponent after t is replaced by a power of itself, which leaves the path and its integral as
they are and makes the integrand smooth enough at t = 0 for few nodes."""

Exponents = Callable[[Mapping[str, Any], int], Sequence[Any]]
"""Context, number of players -> p_1 … p_n."""


@dataclass(frozen=True)
class Power(Way):
    """a_i = Δ_i ∫ ∂_i f(b + Δ∘t^p) p_i t^{p_i − 1} dt.

    The integral adds up to f(x) − f(b) whatever the exponents, so what the sum misses says how far off the
    nodes are.

    Args:
        exponents: p of the players.
        name_of_rule: For messages.
        from_input: Whether the path starts at the input.
    """

    exponents: Exponents
    name_of_rule: str
    from_input: bool = False

    name = "path"

    @property
    def words(self) -> str:
        """The path."""
        path = "x − Δ∘t^p" if self.from_input else "b + Δ∘t^p"
        return f"gradients along {path}, each player with its own exponent"

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return that an exponent is not positive: such a path does not lead from b to x."""
        wrong = [p for p in self.exponents(context, question.game.n) if p <= 0]
        return f"an exponent is {wrong[0]}, and a path to x needs positive ones" if wrong else ""

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return Σ_q ω_q Δ_i ∂_i f p_i t_q^{p_i − 1}."""
        game = question.game
        p = np.array([float(v) for v in self.exponents(context, game.n)])
        p = p * max(1.0, SMOOTH / p.min())
        rows = gradient_rows(game)
        delta = float64(game.delta)

        def step(count: int, examples: Tensor) -> tuple[Tensor, Tensor]:
            t, omega = path_rule("gauss_legendre", count)
            travelled = t[:, None] ** p
            places = torch.from_numpy(1 - travelled if self.from_input else travelled)
            speeds = torch.from_numpy(omega[:, None] * p * t[:, None] ** (p - 1))
            found = torch.stack([along(game, places, speeds, int(e), rows) for e in examples])
            missing = (delta[examples] - found.sum(1)).abs()
            return found, torch.where(missing == 0, missing, missing / found.abs().sum(1))

        found = climb(step, game.batch, game.n, game.dtype, n_steps=budget.n_steps, tol=budget.tol)
        say_error(found, self.name_of_rule, budget.tol)
        return Scores(
            players=found.scores, diagnostics=dict(found.facts("what the sum misses of f(x) − f(b)"))
        )


def along(game: Game, places: Tensor, weights: Tensor, example: int, rows: int) -> Tensor:
    """Return Σ_q weights_{q,i} Δ_i ∂_i f(b + places_q∘Δ) of one example, shape (n,), float64.

    Args:
        game: The game.
        places: t of each player at every node, shape (Q, n).
        weights: Weight of each player's derivative at every node, shape (Q, n).
        example: Which example.
        rows: Rows per model call.
    """
    total = torch.zeros(game.n, dtype=torch.float64)
    for part in blocks(len(places), rows):
        points = game.points(places[part].to(game.device), example)
        who = torch.full((part.stop - part.start,), example)
        gradients = value_and_gradient(game.scalar, points, who)[1]
        ends = zip(gradients, game.inputs, game.baselines, strict=True)
        each = sum_over_players(game, tuple(g * (x[example] - b[example]) for g, x, b in ends))
        total += (float64(each) * weights[part]).sum(0)
    return total

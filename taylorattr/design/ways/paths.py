"""Gradients along a path: a measure on the straight one, players at different speeds, straight pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game, blocks, sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import PathGradients, gradient_rows, value_and_gradient
from taylorattr.design.ways.interface import Budget, Way
from taylorattr.design.ways.node_doubling import climb, say_error
from taylorattr.maths.measures import Measure, plain_weights
from taylorattr.maths.path_rules import path_rule
from taylorattr.maths.quadrature import MAX_NODES
from taylorattr.methods.scores import Scores, float64

MOST_CHECKED_NODES = 64
"""Beyond this many nodes the error is taken from half of them."""


@dataclass(frozen=True)
class Straight(Way):
    """a_i = Δ_i ∫ ∂_i f(b + αΔ) dμ(α), in the frame of the input Δ_i ∫ ∂_i f(x − αΔ) dμ(α).

    The same gradients, weighted to integrate dα, have to give f(x) − f(b): what is missing says whether the
    nodes resolve the gradient on the path. Atoms are evaluated where they are, which leaves no error.

    Args:
        measure: μ.
        name_of_rule: For messages.
        from_input: Whether μ counts α from the input.
        proved: Whether the rule is this measure's at every order; else it is taken on request only.
    """

    measure: Measure
    name_of_rule: str
    from_input: bool = False
    proved: bool = True

    name = "path"

    @property
    def words(self) -> str:
        """The integral."""
        start = "x − αΔ" if self.from_input else "b + αΔ"
        average = f"gradients at {start}, averaged with μ = {self.measure.words}"
        return average if self.proved else f"{average}, on request: the rule resembles it"

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return that the rule was not shown to be the measure's at every order, unless it is asked for."""
        if self.proved or asked:
            return ""
        return f"the rule only resembles μ = {self.measure.words}; way='path' takes it for that"

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return Σ_q ω_q Δ_i ∂_i f at the nodes."""
        game = question.game
        paths = PathGradients(game)
        if self.measure.finite:
            nodes, weights = self.measure.rule(MAX_NODES)
            scores = self._sums(paths, question, nodes, weights, torch.arange(game.batch))[0]
            facts = {"n_steps": [len(nodes)] * game.batch, "error": {"what": "none: every atom is evaluated"}}
            return Scores(players=scores, diagnostics={"linear_first": paths.linear_first, **facts})
        before: dict[int, Tensor] = {}  # example -> scores with fewer nodes

        def step(count: int, examples: Tensor) -> tuple[Tensor, Tensor]:
            nodes, weights = self.measure.rule(count)
            by_player, slopes = self._sums(paths, question, nodes, weights, examples)
            size = by_player.abs().sum(1)
            if slopes is not None:
                plain = torch.from_numpy(plain_weights(self._places(nodes)))
                missing = float64(game.delta)[examples] - slopes @ plain
            else:
                if not before:  # one number of nodes was asked for: half of them say how far off it is
                    halved = self._sums(paths, question, *self.measure.rule(count // 2), examples)[0]
                    before.update(zip(examples.tolist(), halved, strict=True))
                earlier = torch.stack([before[example] for example in examples.tolist()])
                missing = (by_player - earlier).abs().sum(1)
            before.update(zip(examples.tolist(), by_player, strict=True))
            missing = missing.abs()
            return by_player, torch.where(missing == 0, missing, missing / size)

        climbed = climb(step, game.batch, game.n, game.dtype, n_steps=budget.n_steps, tol=budget.tol)
        say_error(climbed, self.name_of_rule, budget.tol)
        facts = climbed.facts("what the nodes, weighted with dα, miss of f(x) − f(b)")
        return Scores(players=climbed.scores, diagnostics={"linear_first": paths.linear_first, **facts})

    def _places(self, nodes: Any) -> Any:
        """Return where on the path from the baseline the nodes lie."""
        return 1 - nodes if self.from_input else nodes

    def _sums(
        self, paths: PathGradients, question: Question, nodes: Any, weights: Any, examples: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the players' scores (E, n), and d/dα f at every node (E, Q) where few are taken."""
        game = question.game
        alphas, omegas = torch.from_numpy(self._places(nodes).copy()), torch.from_numpy(weights.copy())
        slopes: Tensor | None = None
        if len(nodes) <= MOST_CHECKED_NODES and not self.measure.finite and weights.all():
            sums, slopes = paths.sums_and_slopes(alphas, omegas, examples)
        else:
            sums = paths.sums(alphas, omegas, examples)
        where = examples.to(game.device)
        ends = zip(sums, game.inputs, game.baselines, strict=True)
        elements = tuple(part * (x[where] - b[where]) for part, x, b in ends)
        return float64(sum_over_players(game, elements)), slopes


SMALLEST_EXPONENT = 3.0
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
        # only the ratios of exponents matter for the path; larger ones make its start smooth
        p = p * max(1.0, SMALLEST_EXPONENT / p.min())
        rows = gradient_rows(game)
        delta = float64(game.delta)

        def step(count: int, examples: Tensor) -> tuple[Tensor, Tensor]:
            t, omega = path_rule("gauss_legendre", count)
            travelled = t[:, None] ** p
            places = torch.from_numpy(1 - travelled if self.from_input else travelled)
            speeds = torch.from_numpy(omega[:, None] * p * t[:, None] ** (p - 1))
            scores = torch.stack([along(game, places, speeds, int(e), rows) for e in examples])
            return scores, _relative_gap(scores, delta[examples])

        climbed = climb(step, game.batch, game.n, game.dtype, n_steps=budget.n_steps, tol=budget.tol)
        say_error(climbed, self.name_of_rule, budget.tol)
        return Scores(players=climbed.scores, diagnostics=dict(climbed.facts(_GAP)))


_GAP = "what the sum misses of f(x) − f(b)"
"""What the error of these ways is, for the diagnostics."""


def _relative_gap(scores: Tensor, delta: Tensor) -> Tensor:
    """Return |f(x) − f(b) − Σ scores| over Σ|scores| of each example; 0 where nothing is missing."""
    gap = (delta - scores.sum(1)).abs()
    return torch.where(gap == 0, gap, gap / scores.abs().sum(1))


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
            scores = torch.stack([along(game, places, weights, int(e), rows) for e in examples])
            return scores, _relative_gap(scores, delta[examples])

        climbed = climb(step, game.batch, game.n, game.dtype, n_steps=budget.n_steps, tol=budget.tol)
        say_error(climbed, self.name_of_rule, budget.tol)
        return Scores(players=climbed.scores, diagnostics={"pieces": len(steps), **climbed.facts(_GAP)})

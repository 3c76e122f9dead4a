"""Rules κ_i M_{m−1}: gradients on the straight path, averaged with a measure, eq. (70)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.player_sums import sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.autodiff.linear_first import PathGradients
from taylorattr.design.ways.ladder import Climbed, climb, say_error
from taylorattr.design.ways.way import Budget, Way
from taylorattr.maths.measures import Measure, plain_weights
from taylorattr.maths.quadrature import MAX_NODES
from taylorattr.methods.scores import Scores, float64

CHECKED = 64
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
    """

    measure: Measure
    name_of_rule: str
    from_input: bool = False

    name = "path"

    @property
    def words(self) -> str:
        """The integral."""
        start = "x − αΔ" if self.from_input else "b + αΔ"
        return f"gradients at {start}, averaged with μ = {self.measure.words}"

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return Σ_q ω_q Δ_i ∂_i f at the nodes."""
        game = question.game
        paths = PathGradients(game)
        if self.measure.finite:
            nodes, weights = self.measure.rule(MAX_NODES)
            found = self._sums(paths, question, nodes, weights, torch.arange(game.batch))[0]
            facts = {"n_steps": [len(nodes)] * game.batch, "error": {"what": "none: every atom is evaluated"}}
            return Scores(players=found, diagnostics={"linear_first": paths.linear_first, **facts})
        before: dict[int, Tensor] = {}

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

        found = climb(step, game.batch, game.n, game.dtype, n_steps=budget.n_steps, tol=budget.tol)
        say_error(found, self.name_of_rule, budget.tol)
        return _answered(found, paths)

    def _places(self, nodes: Any) -> Any:
        return 1 - nodes if self.from_input else nodes

    def _sums(
        self, paths: PathGradients, question: Question, nodes: Any, weights: Any, examples: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return the players' scores (E, n), and d/dα f at every node (E, Q) where few are taken."""
        game = question.game
        alphas, omegas = torch.from_numpy(self._places(nodes).copy()), torch.from_numpy(weights.copy())
        slopes: Tensor | None = None
        if len(nodes) <= CHECKED and not self.measure.finite and weights.all():
            sums, slopes = paths.sums_and_slopes(alphas, omegas, examples)
        else:
            sums = paths.sums(alphas, omegas, examples)
        where = examples.to(game.device)
        ends = zip(sums, game.inputs, game.baselines, strict=True)
        elements = tuple(part * (x[where] - b[where]) for part, x, b in ends)
        return float64(sum_over_players(game, elements)), slopes


def _answered(found: Climbed, paths: PathGradients) -> Scores:
    what = "what the nodes, weighted with dα, miss of f(x) − f(b)"
    return Scores(players=found.scores, diagnostics={"linear_first": paths.linear_first, **found.facts(what)})

"""Σ_k c_k a^k of rules that are each computed in their own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from taylorattr.analysis.question import Question
from taylorattr.design.ways.way import Budget, Way
from taylorattr.methods.scores import Scores, float64, player_scores

Part = Callable[[Question, Budget], Scores]
"""Question, budget -> scores of one rule."""


@dataclass(frozen=True)
class Mixture(Way):
    """The weighted sum of the parts' scores.

    Args:
        parts: How each rule is computed.
        factors: c_k.
        names: Of the rules.
    """

    parts: Sequence[Part]
    factors: Sequence[float]
    names: Sequence[str]

    name = "parts"

    @property
    def words(self) -> str:
        """The parts."""
        pairs = zip(self.factors, self.names, strict=True)
        return "each part in its own way: " + " + ".join(f"{factor:.4g}·{name}" for factor, name in pairs)

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the sum; standard errors add up, an upper bound of theirs."""
        game = question.game
        total = torch.zeros(game.batch, game.n, dtype=torch.float64)
        errors: torch.Tensor | None = None
        each = {}
        for part, factor, name in zip(self.parts, self.factors, self.names, strict=True):
            found = part(question, budget)
            total += factor * player_scores(game, found)
            if found.standard_errors is not None:
                spread = abs(factor) * float64(found.standard_errors)
                errors = spread if errors is None else errors + spread
            each[name] = found.diagnostics
        return Scores(players=total, standard_errors=errors, diagnostics={"parts": each})

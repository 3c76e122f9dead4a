"""Scores made of the scores of other rules: a built-in method, a weighted sum, measured allocations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from taylorattr.analysis.game import blocks
from taylorattr.analysis.question import Question
from taylorattr.criteria.audit.bound_method import AuditedExample
from taylorattr.criteria.audit.coalitions import full_masks
from taylorattr.design.ways.coalition_table import rounding_error
from taylorattr.design.ways.interface import Budget, Way
from taylorattr.errors import ZeroDifferenceWarning
from taylorattr.maths.mobius import mobius_
from taylorattr.methods import METHODS
from taylorattr.methods.method import AttributionMethod, attributed
from taylorattr.methods.scores import Scores, float64, player_scores


@dataclass(frozen=True)
class ByMethod(Way):
    """The method that a rule has been recognised as.

    Args:
        method: Name in ``ta.METHODS``.
        how: What shows that the rule equals it.
        proved: Whether it equals it on every term; else it is taken on request only.
    """

    method: str
    how: str
    proved: bool = True

    name = "method"

    @property
    def words(self) -> str:
        """The method."""
        if self.proved:
            return f"the method {self.method}, which the rule equals {self.how}"
        return f"the method {self.method}, on request: the rule resembles it {self.how}"

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return that the rule only resembles the method, unless it is asked for."""
        if self.proved or asked:
            return ""
        return f"the rule only resembles {self.method}; way='method' takes it for that"

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the method's scores; the budget is passed on where the method has such options."""
        entry = METHODS[self.method]
        limits = {name: getattr(budget, name) for name in ("n_steps", "tol", "samples", "max_evaluations")}
        options = {
            name: value
            for name, value in limits.items()
            if name in entry.options and value != entry.options[name]
        }
        return entry.function(question, **options)


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
            scores = part(question, budget)
            total += factor * player_scores(game, scores)
            if scores.standard_errors is not None:
                spread = abs(factor) * float64(scores.standard_errors)
                errors = spread if errors is None else errors + spread
            each[name] = scores.diagnostics
        return Scores(players=total, standard_errors=errors, diagnostics={"parts": each})


MOST_MEASURED_PLAYERS = 14
"""2^n attributions are made unasked up to this many players."""

ROWS_AT_ONCE = 1024
"""Masked inputs attributed at a time."""

Combine = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""A (n, 2^n), J (2^n,), members (2^n, n) bool -> scores (n,)."""


@dataclass(frozen=True)
class MeasuredParts(Way):
    """Scores from the attributions of all masked inputs by another rule.

    Args:
        inner: The other rule as a method.
        combine: What is made of its allocation.
        what: That in words.
    """

    inner: Callable[[], AttributionMethod]
    combine: Combine
    what: str

    name = "measured"

    @property
    def words(self) -> str:
        """What is added up."""
        return f"measured allocation A(S) of {self.inner().name} on all masked inputs: {self.what}"

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return that there would be too many masked inputs."""
        n, batch = question.game.n, question.game.batch
        if n > MOST_MEASURED_PLAYERS and not asked:
            return (
                f"2**{n} attributions of masked inputs; group the inputs with players= "
                f"(up to {MOST_MEASURED_PLAYERS})"
            )
        if budget.max_evaluations is not None and batch << n > budget.max_evaluations:
            return f"2**{n} attributions for each of {batch} example(s) exceed max_evaluations"
        return ""

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return what `combine` makes of A and J of every example."""
        game = question.game
        members = full_masks(game.n)
        combined = []
        for example in range(game.batch):
            allocation, values = self._tables(question, example, members, budget)
            combined.append(self.combine(mobius_(allocation), mobius_(values), members))
        scores = torch.from_numpy(np.stack(combined))
        return Scores(
            players=scores,
            diagnostics={
                "attributions_per_example": len(members),
                "rounding": rounding_error(game, scores, f"parts of {self.inner().name}")["relative"],
                "error": {"what": f"that of {self.inner().name} on the masked inputs, and rounding"},
            },
        )

    def _tables(
        self, question: Question, example: int, members: np.ndarray, budget: Budget
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a_i(x_T), shape (n, 2^n), and v(T), shape (2^n,)."""
        game, entry = question.game, self.inner()
        one = AuditedExample(question, example)
        allocation, values = np.empty((game.n, len(members))), np.empty(len(members))
        options = {name: getattr(budget, name) for name in ("n_steps", "tol") if name in entry.options}
        for part in blocks(len(members), ROWS_AT_ONCE):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ZeroDifferenceWarning)  # ∅ is the baseline itself
                masked = one.asked_at(
                    one.rows(members[part], own_dtype=False),
                    part.stop - part.start,
                    integers_allowed=entry.integers,
                )
                answer = attributed(entry, masked, options)
            allocation[:, part] = answer.player_scores.numpy().T
            values[part] = answer.f_input.numpy()
        return allocation, values

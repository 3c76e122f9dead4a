"""A rule that is one of the built-in methods: computed as that method is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taylorattr.analysis.question import Question
from taylorattr.design.ways.way import Budget, Way
from taylorattr.methods import METHODS
from taylorattr.methods.scores import Scores


@dataclass(frozen=True)
class ByMethod(Way):
    """The method that a rule has been recognised as.

    Args:
        method: Name in ``ta.METHODS``.
        how: What shows that the rule equals it.
    """

    method: str
    how: str

    name = "method"

    @property
    def words(self) -> str:
        """The method."""
        return f"the method {self.method}, which the rule equals {self.how}"

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the method's scores; the budget is passed on where the method has such options."""
        entry = METHODS[self.method]
        asked = {name: getattr(budget, name) for name in ("n_steps", "tol", "samples", "max_evaluations")}
        options = {
            name: value
            for name, value in asked.items()
            if name in entry.options and value != entry.options[name]
        }
        return entry.function(question, **options)

"""A way: how the scores of a rule are computed on a network, what that costs and how far off it may be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from taylorattr.analysis.question import Question
from taylorattr.effects.harsanyi import MAX_EVALUATIONS
from taylorattr.methods.scores import Scores

LARGEST_QUIET_ERROR = 1e-2
"""Error, as a share of Σ|scores|, beyond which every way warns though no tolerance was asked for."""


@dataclass(frozen=True)
class Budget:
    """What a caller asks of a computation.

    Attributes:
        n_steps: Nodes of a quadrature; None: doubled until the tolerance is met.
        tol: Tolerance, as a share of Σ|scores|: of a quadrature's error, or of the largest standard error.
        samples: Orders that are sampled at most.
        order: Largest |κ| of a Taylor table; None: by the number of players.
        max_evaluations: Most model outputs of an exact table; None: no limit.
    """

    n_steps: int | None = None
    tol: float | None = None
    samples: int | None = None
    order: int | None = None
    max_evaluations: int | None = MAX_EVALUATIONS


class Way(ABC):
    """One way to compute the scores of a rule.

    Attributes:
        name: What it is called in ``way=``.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def words(self) -> str:
        """What it does, for a reader."""

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return why it cannot be taken here, "" if it can.

        Args:
            question: What is asked.
            budget: How much.
            context: Attributes in the order of the players.
            asked: Whether the user named this way; then only what cannot be done is an obstacle.
        """
        return ""

    @abstractmethod
    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the scores of the players.

        Args:
            question: What is asked.
            budget: How much.
            context: Attributes in the order of the players.
        """

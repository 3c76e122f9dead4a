"""A fit in progress: what is asked of a search, the best that it has found, and its history."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.freedom import LIMIT, Freedom
from taylorattr.design.fit.objective import Objective

CELLS = 1 << 17
"""Examples of one gradient step times players times coalitions, at most, for expected curves."""

FEWEST = 8
"""Examples of one gradient step at least."""


@dataclass
class Task:
    """Training examples, what is free and what is wanted.

    Attributes:
        freedom: What is free.
        objective: What is wanted.
        train: The examples, and no others.
        looks: How often the objective has been evaluated on all of them.
        steps: How many gradients have been taken.
        best: θ of the best rule so far.
        value: Its objective.
        history: Restart, evaluations and steps so far, and objective of every look.
    """

    freedom: Freedom
    objective: Objective
    train: Examples
    looks: int = 0
    steps: int = 0
    best: Tensor = field(init=False)
    value: float = field(init=False, default=float("nan"))
    history: list[tuple[int, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin at the neutral member."""
        self.best = self.freedom.start()

    def look(self, theta: Tensor, restart: int) -> float:
        """Return the objective of the rule at θ, rounded as it would be built; small is good here.

        The best θ is kept.
        """
        theta = theta.detach().clamp(-LIMIT, LIMIT) if self.freedom.search != "moves" else theta
        natural = self.freedom.rounded(self.freedom.natural(theta))
        scores = self.freedom.scores(natural, self.train)
        value = float(self.objective.values(scores, self.train, self.shown(natural)).mean())
        self.looks += 1
        self.history.append((restart, self.looks + self.steps, value))
        if self.looks == 1 or self.objective.sign * (value - self.value) > 0:
            self.best, self.value = theta.clone(), value
        return -self.objective.sign * value

    def followed(self, theta: Tensor, rows: Tensor | None, temperature: float) -> Tensor:
        """Return what is followed downhill, differentiable in θ."""
        self.steps += 1
        natural = self.freedom.natural(theta)
        examples = self.train if rows is None else self.train.take(rows)
        scores = self.freedom.scores(natural, examples)
        return -self.objective.sign * self.objective.followed(
            scores, examples, temperature, self.shown(natural)
        )

    def shown(self, natural: Tensor) -> str:
        """Return parameters for a message."""
        listed = [f"{value:.4g}" for value in natural.detach().reshape(-1)[:6].tolist()]
        more = ", …" if natural.numel() > 6 else ""
        return f"the parameters ({', '.join(listed)}{more}) of {self.freedom.family}"

    def examples_per_step(self) -> int:
        """Return how many examples one gradient step takes: all, but where expected curves are followed."""
        if self.objective.smooth is None:
            return len(self.train)
        return min(len(self.train), max(FEWEST, CELLS // (self.freedom.n << self.freedom.n)))


def random_start(task: Task, generator: torch.Generator) -> Tensor:
    """Return θ at random about the neutral member."""
    count = task.freedom.count
    return task.freedom.start() + torch.randn(count, generator=generator, dtype=torch.float64)

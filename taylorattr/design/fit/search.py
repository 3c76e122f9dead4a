"""Search for the numbers θ that are free: by gradients, by evolution, by moves among orders of players."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.freedom import LARGEST_THETA, Freedom
from taylorattr.design.fit.objective import Objective
from taylorattr.errors import MissingExtraError, OptionError

CELLS_PER_STEP = 1 << 17
"""Examples of one gradient step times players times coalitions, at most, for expected curves."""

FEWEST_EXAMPLES = 8
"""Examples of one gradient step at least."""

GRADIENT_STEPS = 150
"""Gradient steps of one start where nothing is said."""

SEARCH_RATE = 0.15
"""Largest step of a number of θ; it falls with the cosine to a hundredth."""

HOT, COLD = 1.0, 0.05
"""First and last temperature, in units of the scores' root mean square."""

LOOKS = 50
"""How often on the way the objective itself is evaluated, evenly spaced."""

POLISHING_STEPS = 100
"""Steps of L-BFGS at the end where the objective itself is followed on all examples."""

FIRST_SPREAD = 0.5
"""First standard deviation of the numbers of θ that evolution draws."""

MOST_EVOLVED = 500
"""Numbers of θ at most: the covariance of more says nothing for any budget that one has."""

MOVES = 600
"""Evaluations of one start among orders of players where nothing is said."""


@dataclass
class Task:
    """A fit in progress: what is asked of a search, the best that it has found, and its history.

    Attributes:
        freedom: What is free.
        objective: What is wanted.
        train: The examples that are fitted on, and no others.
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
        """Return the objective of the rule at θ, small is good, and keep the best θ.

        The rule is looked at as it would be built, with its parameters rounded, so that what is reported is
        what the user gets.
        """
        # stages of players are labels, not numbers, and may be any size
        theta = (
            theta.detach().clamp(-LARGEST_THETA, LARGEST_THETA) if self.freedom.search != "moves" else theta
        )
        natural = self.freedom.rounded(self.freedom.natural(theta))
        scores = self.freedom.scores(natural, self.train)
        value = float(self.objective.values(scores, self.train, self.in_words(natural)).mean())
        self.looks += 1
        self.history.append((restart, self.looks + self.steps, value))
        if self.looks == 1 or self.objective.sign * (value - self.value) > 0:
            self.best, self.value = theta.clone(), value
        return -self.objective.sign * value

    def loss(self, theta: Tensor, rows: Tensor | None, temperature: float) -> Tensor:
        """Return what is followed downhill on some of the examples, differentiable in θ."""
        self.steps += 1
        natural = self.freedom.natural(theta)
        examples = self.train if rows is None else self.train.take(rows)
        scores = self.freedom.scores(natural, examples)
        return -self.objective.sign * self.objective.followed(
            scores, examples, temperature, self.in_words(natural)
        )

    def in_words(self, natural: Tensor) -> str:
        """Return the first parameters, for a message."""
        listed = [f"{value:.4g}" for value in natural.detach().reshape(-1)[:6].tolist()]
        more = ", …" if natural.numel() > 6 else ""
        return f"the parameters ({', '.join(listed)}{more}) of {self.freedom.family}"

    def examples_per_step(self) -> int:
        """Return how many examples one gradient step takes: all, but where expected curves are followed.

        An expected curve costs n·2^n operations for every example.
        """
        if self.objective.smooth is None:
            return len(self.train)
        each = self.freedom.n << self.freedom.n
        return min(len(self.train), max(FEWEST_EXAMPLES, CELLS_PER_STEP // each))

    def starting_points(self, restarts: int, generator: torch.Generator) -> Iterator[Tensor]:
        """Iterate over θ of every start: the neutral member, then others at random about it."""
        for restart in range(restarts):
            neutral = self.freedom.start()
            away = torch.randn(self.freedom.count, generator=generator, dtype=torch.float64) if restart else 0
            yield neutral + away


def by_gradient(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
    """Look for θ with Adam while the temperature falls; the task keeps the best.

    Args:
        task: What is asked.
        restarts: How many starts: the neutral member, then others at random.
        budget: Gradient steps of each.
        generator: For starts and for the examples of each step.
    """
    steps = GRADIENT_STEPS if budget is None else budget
    for restart, theta in enumerate(task.starting_points(restarts, generator)):
        _descend(task, theta, restart, steps, generator)


def _descend(task: Task, theta: Tensor, restart: int, steps: int, generator: torch.Generator) -> None:
    """Go downhill from one start, looking at the objective itself on the way."""
    theta = theta.clone().requires_grad_()
    size = task.examples_per_step()
    everything = size == len(task.train)
    optimiser = torch.optim.Adam([theta], lr=SEARCH_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, SEARCH_RATE / 100)
    task.look(theta, restart)
    order = torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        if not everything and len(order) < size:
            order = torch.cat([order, torch.randperm(len(task.train), generator=generator)])
        rows, order = (None, order) if everything else (order[:size], order[size:])
        # a hot stand-in is smooth and far from the objective, a cold one close to it and nearly flat
        temperature = HOT * (COLD / HOT) ** (step / max(steps - 1, 1))
        optimiser.zero_grad()
        task.loss(theta, rows, temperature).backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            theta.clamp_(-LARGEST_THETA, LARGEST_THETA)
        # the stand-in's best θ is not the objective's, so the whole way is searched, not its end alone
        if (step + 1) % max(steps // LOOKS, 1) == 0 or step + 1 == steps:
            task.look(theta, restart)
    if everything and task.objective.smooth is None:
        _polish(task, theta, restart)


def _polish(task: Task, theta: Tensor, restart: int) -> None:
    """Follow the objective itself to its minimum nearby; Adam stops at the size of its last steps."""
    optimiser = torch.optim.LBFGS(
        [theta],
        max_iter=POLISHING_STEPS,
        tolerance_grad=1e-12,  # the objective may be a squared error, flat where it is small
        tolerance_change=1e-15,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = task.loss(theta.clamp(-LARGEST_THETA, LARGEST_THETA), None, COLD)
        value.backward()
        return value

    optimiser.step(closure)  # pyright: ignore[reportArgumentType]
    task.look(theta, restart)


def by_evolution(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
    """Look for θ without derivatives, by CMA-ES; the task keeps the best.

    Args:
        task: What is asked.
        restarts: How many starts: the neutral member, then others at random.
        budget: Evaluations of each.
        generator: For starts and draws.

    Raises:
        OptionError: If there are too many free numbers to be searched without derivatives.
        MissingExtraError: Without the package ``cma``; said before anything is computed.
    """
    _cma()
    d = task.freedom.count
    if d > MOST_EVOLVED:
        raise OptionError(
            f"{task.freedom.family} has {d} free numbers here, and the objective {task.objective.name!r} has "
            f"no gradient, which is searched for up to {MOST_EVOLVED}: pass differentiable=True if it has "
            "one, or choose a smaller family"
        )
    evaluations = 60 + 30 * d if budget is None else budget
    for restart, theta in enumerate(task.starting_points(restarts, generator)):
        seed = int(torch.randint(2**62, (), generator=generator))

        def value(point: np.ndarray, restart: int = restart) -> float:
            return task.look(torch.from_numpy(point), restart)

        value(theta.numpy())
        minimise(value, theta.numpy(), evaluations - 1, np.random.default_rng(seed))


def minimise(
    function: Callable[[np.ndarray], float],
    start: np.ndarray,
    evaluations: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the mean of the last generation of CMA-ES with standard settings.

    Args:
        function: Small is good; only the order of its values matters.
        start: First mean, shape (d,).
        evaluations: How often it may be asked, at most.
        generator: Of the draws.

    Source: Hansen (2016), "The CMA evolution strategy: a tutorial", arXiv 1604.00772.
    """
    options = {
        # NaN leaves numpy's global generator alone; the draws are those of our own
        "seed": np.nan,
        "randn": lambda *shape: generator.standard_normal(shape),
        "verbose": -9,
    }
    strategy = _cma().CMAEvolutionStrategy(start, FIRST_SPREAD, options)
    while strategy.countevals + strategy.popsize <= evaluations and not strategy.stop():
        points = strategy.ask()
        strategy.tell(points, [function(point) for point in points])
    return strategy.mean


def _cma() -> Any:
    """Return the package ``cma``, imported where it is needed: most fits follow a gradient."""
    try:
        import cma
    except ImportError as error:
        raise MissingExtraError(
            "a family or an objective without a gradient is fitted by evolution, which needs the package "
            'cma: pip install "taylorattr[fit]"'
        ) from error
    return cma


def by_moves(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
    """Look for stages of players; the task keeps the best.

    From all players in one stage, then from orders at random, players are taken in a random order and put
    where the objective is best: with others in a stage, between two, before or after all; until nobody moves.

    Args:
        task: What is asked.
        restarts: How many starts.
        budget: Evaluations of each.
        generator: For starts and turns.
    """
    most = MOVES if budget is None else budget
    n = task.freedom.count
    for restart in range(restarts):
        stages = task.freedom.start()
        if restart:
            stages = torch.randperm(n, generator=generator).double()
        _climb(task, stages, restart, most, generator)


def _climb(task: Task, stages: Tensor, restart: int, most: int, generator: torch.Generator) -> None:
    """Move one player at a time to a better stage, until nobody moves or the evaluations are used up."""
    best, left = task.look(stages, restart), most - 1
    moved = True
    while moved and left > 0:
        moved = False
        for player in torch.randperm(len(stages), generator=generator).tolist():
            # the others' stages stay as they are while one player tries all places
            before = stages
            for stage in _stages_to_try(before, player):
                if left == 0:
                    return
                tried = before.clone()
                tried[player] = stage
                value, left = task.look(tried, restart), left - 1
                if value < best:
                    best, stages, moved = value, task.freedom.natural(tried), True


def _stages_to_try(stages: Tensor, player: int) -> list[float]:
    """Return where a player may go: the others' stages, and the places between and around them."""
    others = sorted(set(torch.cat([stages[:player], stages[player + 1 :]]).tolist()))
    between = [stage + 0.5 for stage in others]
    places = [others[0] - 0.5, *others, *between] if others else []
    return [place for place in sorted(places) if place != float(stages[player])]

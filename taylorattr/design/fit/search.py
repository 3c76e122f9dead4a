"""Search for the numbers θ that are free: by gradients, by evolution, by moves among orders of players."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.freedom import LIMIT, Freedom
from taylorattr.design.fit.objective import Objective
from taylorattr.errors import OptionError

CELLS = 1 << 17
"""Examples of one gradient step times players times coalitions, at most, for expected curves."""

FEWEST_PER_STEP = 8
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
        return min(len(self.train), max(FEWEST_PER_STEP, CELLS // (self.freedom.n << self.freedom.n)))


def random_start(task: Task, generator: torch.Generator) -> Tensor:
    """Return θ at random about the neutral member."""
    count = task.freedom.count
    return task.freedom.start() + torch.randn(count, generator=generator, dtype=torch.float64)


STEPS = 150
"""Gradient steps of one restart where nothing is said."""

RATE = 0.15
"""Largest step of a number of θ; it falls with the cosine to a hundredth."""

HOT, COLD = 1.0, 0.05
"""First and last temperature, in units of the scores' root mean square."""

LOOKS = 10
"""How often on the way the objective itself is evaluated."""

POLISH = 100
"""Steps of L-BFGS at the end where the objective itself is followed on all examples."""

REFINED_WITHIN = 0.3
"""First standard deviation of a refinement, on the objective for which a stand-in was followed."""


def by_gradient(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
    """Look for θ; the task keeps the best.

    Args:
        task: What is asked.
        restarts: How many starts: the neutral member, then others at random.
        budget: Gradient steps of each.
        generator: For starts and for the examples of each step.
    """
    steps = STEPS if budget is None else budget
    for restart in range(restarts):
        theta = task.freedom.start() if restart == 0 else random_start(task, generator)
        _descend(task, theta, restart, steps, generator)
    if task.objective.smooth is not None and task.freedom.count <= MOST:
        refine(task, restarts, steps, REFINED_WITHIN, generator)


def _descend(task: Task, theta: Tensor, restart: int, steps: int, generator: torch.Generator) -> None:
    theta = theta.clone().requires_grad_()
    size = task.examples_per_step()
    everything = size == len(task.train)
    optimiser = torch.optim.Adam([theta], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, RATE / 100)
    task.look(theta, restart)
    order = torch.empty(0, dtype=torch.int64)
    for step in range(steps):
        if not everything and len(order) < size:
            order = torch.cat([order, torch.randperm(len(task.train), generator=generator)])
        rows, order = (None, order) if everything else (order[:size], order[size:])
        temperature = HOT * (COLD / HOT) ** (step / max(steps - 1, 1))
        optimiser.zero_grad()
        task.followed(theta, rows, temperature).backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            theta.clamp_(-LIMIT, LIMIT)
        if (step + 1) % max(steps // LOOKS, 1) == 0 or step + 1 == steps:
            task.look(theta, restart)
    if everything and task.objective.smooth is None:
        _polish(task, theta, restart)


def _polish(task: Task, theta: Tensor, restart: int) -> None:
    optimiser = torch.optim.LBFGS(
        [theta],
        max_iter=POLISH,
        tolerance_grad=1e-12,  # the objective may be a squared error, flat where it is small
        tolerance_change=1e-15,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = task.followed(theta.clamp(-LIMIT, LIMIT), None, COLD)
        value.backward()
        return value

    optimiser.step(closure)  # pyright: ignore[reportArgumentType]
    task.look(theta, restart)


STEP = 0.5
"""First standard deviation of θ."""

MOST = 500
"""Numbers of θ at most: the covariance of more says nothing for any budget that one has."""

Looked = Callable[[np.ndarray], float]
"""θ -> objective, small is good."""


def by_evolution(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
    """Look for θ; the task keeps the best.

    Args:
        task: What is asked.
        restarts: How many starts: the neutral member, then others at random.
        budget: Evaluations of each.
        generator: For starts and draws.

    Raises:
        OptionError: If there are too many free numbers to be searched without derivatives.
    """
    d = task.freedom.count
    if d > MOST:
        raise OptionError(
            f"{task.freedom.family} has {d} free numbers here, and the objective {task.objective.name!r} has "
            f"no gradient, which is searched for up to {MOST}: pass differentiable=True if it has one, or "
            "choose a smaller family"
        )
    evaluations = 60 + 30 * d if budget is None else budget
    for restart in range(restarts):
        theta = task.freedom.start() if restart == 0 else random_start(task, generator)
        seed = int(torch.randint(2**62, (), generator=generator))

        def looked(point: np.ndarray, restart: int = restart) -> float:
            return task.look(torch.from_numpy(point), restart)

        looked(theta.numpy())
        minimise(looked, theta.numpy(), evaluations - 1, np.random.default_rng(seed))


def refine(task: Task, restart: int, evaluations: int, step: float, generator: torch.Generator) -> None:
    """Look about the best θ so far.

    Args:
        task: What is asked.
        restart: Number under which the looks are noted.
        evaluations: How many.
        step: First standard deviation.
        generator: Of the draws.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    near = np.random.default_rng(seed)
    minimise(
        lambda point: task.look(torch.from_numpy(point), restart), task.best.numpy(), evaluations, near, step
    )


def minimise(
    function: Looked, start: np.ndarray, evaluations: int, generator: np.random.Generator, step: float = STEP
) -> np.ndarray:
    """Return the mean of the last generation of CMA-ES with standard settings.

    Args:
        function: Small is good; only the order of its values matters.
        start: First mean, shape (d,).
        evaluations: How often it may be asked, at most.
        generator: Of the draws.
        step: First standard deviation.

    Source: Hansen (2016), "The CMA evolution strategy: a tutorial", arXiv 1604.00772, figure 6.
    """
    d = len(start)
    offspring = 4 + int(3 * np.log(d))
    parents = offspring // 2
    weights = np.log((offspring + 1) / 2) - np.log(np.arange(1, parents + 1))
    weights /= weights.sum()
    effective = 1 / (weights**2).sum()
    c_sigma = (effective + 2) / (d + effective + 5)
    damping = 1 + 2 * max(0.0, np.sqrt((effective - 1) / (d + 1)) - 1) + c_sigma
    c_path = (4 + effective / d) / (d + 4 + 2 * effective / d)
    c_one = 2 / ((d + 1.3) ** 2 + effective)
    c_many = min(1 - c_one, 2 * (effective - 2 + 1 / effective) / ((d + 2) ** 2 + effective))
    expected = np.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d**2))
    mean, sigma, covariance = start.astype(np.float64), step, np.eye(d)
    path_sigma, path = np.zeros(d), np.zeros(d)
    for generation in range(1, evaluations // offspring + 1):
        values, axes = np.linalg.eigh(covariance)
        scale = np.sqrt(np.maximum(values, 1e-20))
        drawn = generator.standard_normal((offspring, d)) * scale @ axes.T
        asked = [function(mean + sigma * y) for y in drawn]
        chosen = drawn[np.argsort(asked, kind="stable")[:parents]]
        move = weights @ chosen
        mean = mean + sigma * move
        whitened = axes @ ((axes.T @ move) / scale)
        path_sigma = (1 - c_sigma) * path_sigma + np.sqrt(c_sigma * (2 - c_sigma) * effective) * whitened
        length = np.linalg.norm(path_sigma)
        stalled = length / np.sqrt(1 - (1 - c_sigma) ** (2 * generation)) < (1.4 + 2 / (d + 1)) * expected
        path = (1 - c_path) * path + stalled * np.sqrt(c_path * (2 - c_path) * effective) * move
        rank_one = np.outer(path, path) + (1 - stalled) * c_path * (2 - c_path) * covariance
        rank_many = (chosen.T * weights) @ chosen
        covariance = (1 - c_one - c_many) * covariance + c_one * rank_one + c_many * rank_many
        sigma *= float(np.exp(min(1.0, (c_sigma / damping) * (length / expected - 1))))
    return mean


EVALUATIONS = 600
"""Looks of one restart where nothing is said."""


def by_moves(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
    """Look for stages; the task keeps the best.

    From all players in one stage, then from orders at random, players are taken in a random order and put
    where the objective is best: with others in a stage, between two, before or after all; until nobody moves.

    Args:
        task: What is asked.
        restarts: How many starts.
        budget: Looks of each.
        generator: For starts and turns.
    """
    most = EVALUATIONS if budget is None else budget
    n = task.freedom.count
    for restart in range(restarts):
        stages = task.freedom.start()
        if restart:
            stages = torch.randperm(n, generator=generator).double()
        _climb(task, stages, restart, most, generator)


def _climb(task: Task, stages: Tensor, restart: int, most: int, generator: torch.Generator) -> None:
    best, left = task.look(stages, restart), most - 1
    moved = True
    while moved and left > 0:
        moved = False
        for player in torch.randperm(len(stages), generator=generator).tolist():
            kept = stages
            for place in _places(kept, player):
                if left == 0:
                    return
                tried = kept.clone()
                tried[player] = place
                value, left = task.look(tried, restart), left - 1
                if value < best:
                    best, stages, moved = value, task.freedom.natural(tried), True


def _places(stages: Tensor, player: int) -> list[float]:
    """Return where a player may go: the others' stages, and the places between and around them."""
    others = sorted(set(torch.cat([stages[:player], stages[player + 1 :]]).tolist()))
    between = [stage + 0.5 for stage in others]
    places = [others[0] - 0.5, *others, *between] if others else []
    return [place for place in sorted(places) if place != float(stages[player])]

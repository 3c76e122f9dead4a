"""Search without derivatives: the covariance matrix adaptation evolution strategy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from taylorattr.design.fit.task import Task, random_start
from taylorattr.errors import OptionError

STEP = 0.5
"""First standard deviation of θ."""

MOST = 500
"""Numbers of θ at most: the covariance of more says nothing for any budget that one has."""

Looked = Callable[[np.ndarray], float]
"""θ -> objective, small is good."""


def search(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
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

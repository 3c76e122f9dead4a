"""Search by gradients: Adam from several starts while the temperature falls, then a refinement."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.design.fit import by_evolution
from taylorattr.design.fit.freedom import LIMIT
from taylorattr.design.fit.task import Task, random_start

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

NEAR = 0.3
"""First standard deviation of a refinement, on the objective for which a stand-in was followed."""


def search(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
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
    if task.objective.smooth is not None and task.freedom.count <= by_evolution.MOST:
        by_evolution.refine(task, restarts, steps, NEAR, generator)


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

"""Search among orders of players: one player moves to another stage while that helps."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.design.fit.task import Task

EVALUATIONS = 600
"""Looks of one restart where nothing is said."""


def search(task: Task, restarts: int, budget: int | None, generator: torch.Generator) -> None:
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

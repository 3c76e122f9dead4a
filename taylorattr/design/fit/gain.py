"""How much better one rule is than another on held-out examples, in pairs, with an interval."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.objective import Objective
from taylorattr.evaluation.intervals import bootstrap_interval

RESAMPLES = 1000
"""Resamples of the examples where the objective is one number for all of them."""


def gain_interval(
    objective: Objective,
    examples: Examples,
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    level: float,
    seed: int,
) -> tuple[float, float, float]:
    """Return the mean gain of the first rule over the second, and its interval.

    Differences of pairs where there is a number per example, bias-corrected and accelerated; where there is
    one number for all examples, it is taken again of examples drawn with replacement, the same ones for both.

    Args:
        objective: What is measured.
        examples: The held-out examples.
        first: Scores (R, B, n) and objective of the first rule.
        second: Likewise of the second.
        level: Coverage.
        seed: Of the draws.
    """
    difference = objective.sign * (first[1] - second[1])
    mean = float(difference.mean())
    if difference.ndim:
        return mean, *bootstrap_interval(difference.numpy(), level=level, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    gains = []
    for _ in range(RESAMPLES):
        rows = torch.randint(len(examples), (len(examples),), generator=generator)
        drawn = examples.take(rows)
        each = [objective.values(scores[:, rows], drawn, "resamples") for scores, _ in (first, second)]
        gains.append(objective.sign * float(each[0] - each[1]))
    low, high = np.quantile(gains, [(1 - level) / 2, (1 + level) / 2])
    return mean, float(low), float(high)

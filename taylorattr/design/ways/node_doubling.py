"""More and more nodes on paths until every example meets a tolerance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.design.ways.interface import LARGEST_QUIET_ERROR
from taylorattr.errors import OptionError, PrecisionWarning, require_repetitions, warn

MOST_NODES = 128
"""Most nodes where no number is asked for."""

FIRST_NODES = 4
"""Nodes of the first rung: a quadratic integrand is exact there, and fewer say nothing of the error."""

TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-4}
"""Error, relative to Σ|scores|, at which the number of nodes stops growing by default."""

Step = Callable[[int, Tensor], tuple[Tensor, Tensor]]
"""Number of nodes, open examples (E,) -> scores of the players (E, n) and relative errors (E,), float64."""


@dataclass
class Climbed:
    """Scores on paths, with the nodes that each example took and the error that is left.

    Attributes:
        scores: Shape (B, n), float64 on the CPU.
        errors: Relative to Σ|scores|, shape (B,).
        counts: Nodes of each example.
        goal: The tolerance; None where a number of nodes was asked for.
    """

    scores: Tensor
    errors: Tensor
    counts: list[int]
    goal: float | None

    def facts(self, what: str) -> Mapping[str, Any]:
        """Return what a reader must know."""
        return {
            "n_steps": self.counts,
            "error": {"what": what, "relative": self.errors.tolist(), "tol": self.goal},
        }


def climb(
    step: Step,
    batch: int,
    n: int,
    dtype: torch.dtype,
    *,
    n_steps: int | None,
    tol: float | None,
    most: int = MOST_NODES,
) -> Climbed:
    """Take 4, 8, 16, … nodes for the examples that do not meet the tolerance yet.

    Args:
        step: Does the work.
        batch: Number of examples.
        n: Number of players.
        dtype: Of the analysis, for the default tolerance.
        n_steps: Number of nodes; with ``tol`` the largest.
        tol: Tolerance.
        most: Largest number where none is asked for.

    Returns:
        Scores and errors with the nodes each example took.

    Raises:
        OptionError: If a number is out of range.
    """
    require_repetitions("n_steps", n_steps, optional=True)
    if tol is not None and not 0 < tol < float("inf"):
        raise OptionError(f"tol={tol!r}; expected a positive number, a share of Σ|scores|, or None")
    largest = most if n_steps is None else n_steps
    goal = TOLERANCES.get(dtype, 1e-2) if tol is None and n_steps is None else tol
    rungs: Sequence[int] = [largest]
    if goal is not None:
        rungs = [*(FIRST_NODES << k for k in range(20) if FIRST_NODES << k < largest), largest]
    scores, errors = torch.zeros(batch, n, dtype=torch.float64), torch.zeros(batch, dtype=torch.float64)
    counts, open_ones = [0] * batch, torch.arange(batch)
    for count in rungs:
        scores[open_ones], errors[open_ones] = step(count, open_ones)
        for example in open_ones.tolist():
            counts[example] = count
        if goal is not None:
            # "not below" keeps an example open whose error is NaN
            open_ones = open_ones[~(errors[open_ones] <= goal)]
        if not len(open_ones):
            break
    return Climbed(scores, errors, counts, goal)


def say_error(climbed: Climbed, name: str, tol: float | None) -> None:
    """Warn where the error is above the tolerance, or above 1 % where none was asked for."""
    limit = LARGEST_QUIET_ERROR if tol is None else tol
    bad = (~(climbed.errors <= limit)).nonzero().reshape(-1).tolist()
    if bad:
        worst = max(bad, key=lambda e: float(climbed.errors[e]))
        warn(
            f"{name}: the quadrature of {len(bad)} example(s) is not resolved: example {worst} is off by "
            f"about {float(climbed.errors[worst]):.2g} of Σ|scores| with {climbed.counts[worst]} nodes "
            f"(limit {limit:g}); pass a larger n_steps. Past kinks (ReLU) every rule converges like "
            "1/n_steps",
            PrecisionWarning,
        )

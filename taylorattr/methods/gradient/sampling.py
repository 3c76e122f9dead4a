"""The mean of score samples, with standard errors and a stop on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr.analysis.game import blocks, sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import Rows, gradient_rows, value_and_gradient
from taylorattr.errors import OptionError, PrecisionWarning, require_repetitions, warn

FIRST_LOOK = 16
"""Samples before a tolerance is looked at for the first time; then at every doubling."""

Draw: TypeAlias = Callable[[slice, slice], tuple[Rows, Rows]]
"""(samples S, examples E) -> points and multipliers, tensors (S, E, …)."""


@dataclass
class SampleMean:
    """What `sample_mean` found.

    Attributes:
        elements: Mean of multiplier∘gradient, tensors (B, …).
        standard_errors: Of the players' sums, shape (B, n), float64 on the CPU.
        count: Samples drawn.
    """

    elements: Rows
    standard_errors: Tensor
    count: int


def require_sample_count(n_samples: int) -> None:
    """Refuse less than 2 samples, of which one has no standard error, and more than anybody waits for.

    Asked before anything is drawn: what is drawn takes memory for each sample.

    Raises:
        OptionError: Says what was given.
    """
    require_repetitions("n_samples", n_samples, 2)


def sample_mean(question: Question, draw: Draw, n_samples: int, tol: float | None) -> SampleMean:
    """Return the mean over samples of multiplier∘∇f(point).

    Args:
        question: What is asked.
        draw: Gives the points and multipliers of a range of samples for a range of examples; the same ones
            however the ranges are cut.
        n_samples: Samples of each example, as `require_sample_count` wants them; with a tolerance the largest
            number.
        tol: Stop when every standard error is below tol·Σ|scores| of its example.

    Raises:
        OptionError: If tol is not positive.

    Warns:
        PrecisionWarning: A tolerance was asked for and not reached.
    """
    if tol is not None and not tol > 0:
        raise OptionError(f"tol={tol!r}; expected a positive number or None")
    game = question.game
    rows = gradient_rows(game)
    sums = tuple(torch.zeros_like(x) for x in game.inputs)
    first = torch.zeros(game.batch, game.n, dtype=torch.float64)
    second = torch.zeros_like(first)
    errors, worst, done = second, float("inf"), 0
    bar = tqdm(total=n_samples * game.batch, unit="sample", disable=not question.show_progress)
    for stage in _stages(n_samples, tol):
        for examples in blocks(game.batch, rows):
            count = examples.stop - examples.start
            for step in blocks(stage.stop - stage.start, max(1, rows // count)):
                samples = slice(stage.start + step.start, stage.start + step.stop)
                scores = _scores(question, draw, samples, examples)
                for sum_, score in zip(sums, scores, strict=True):
                    sum_[examples] += score.sum(0)
                flat = tuple(score.flatten(0, 1) for score in scores)
                by_player = sum_over_players(game, flat).cpu().double().unflatten(0, (-1, count))
                first[examples] += by_player.sum(0)
                second[examples] += by_player.square().sum(0)
                bar.update(len(by_player) * count)
        done = stage.stop
        mean = first / done
        errors = ((second / done - mean.square()).clamp_min(0) / (done - 1)).sqrt()
        worst = float(_relative(errors, mean).max())
        if tol is not None and worst <= tol:
            break
    bar.close()
    if tol is not None and worst > tol:
        warn(
            f"after {done} samples the largest standard error is {worst:.2g} of Σ|scores|, above "
            f"tol={tol:g}; raise n_samples",
            PrecisionWarning,
        )
    return SampleMean(tuple(sum_ / done for sum_ in sums), errors, done)


def _scores(question: Question, draw: Draw, samples: slice, examples: slice) -> Rows:
    """Return multiplier∘gradient, tensors (S, E, …)."""
    points, multipliers = draw(samples, examples)
    size = points[0].shape[:2]
    who = torch.arange(examples.start, examples.stop).repeat(size[0])
    flat = tuple(p.reshape(-1, *p.shape[2:]) for p in points)
    gradients = value_and_gradient(question.game.scalar, flat, who)[1]
    return tuple(g.unflatten(0, size) * m for g, m in zip(gradients, multipliers, strict=True))


def _relative(errors: Tensor, mean: Tensor) -> Tensor:
    largest = errors.amax(1)
    return torch.where(largest == 0, largest, largest / mean.abs().sum(1))


def _stages(n_samples: int, tol: float | None) -> list[slice]:
    ends = [n_samples]
    if tol is not None:
        ends, end = [], FIRST_LOOK
        while end < n_samples:
            ends.append(end)
            end *= 2
        ends.append(n_samples)
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

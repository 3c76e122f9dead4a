"""Gradient×Input: Δ_i ∂_i f(x)."""

from __future__ import annotations

from typing import Literal

import torch

from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import Rows, gradient_rows, value_and_gradient
from taylorattr.errors import OptionError
from taylorattr.methods.method import Scores, method

Multiplier = Literal["delta", "input", "none"]


@method("gradient_x_input", family="gradient")
def gradient_x_input(question: Question, *, multiply_by: Multiplier = "delta") -> Scores:
    """Return Δ_i ∂_i f(x): in frame x the first-order effect I^x(e_i), in frame b each term κ_i times.

    Args:
        question: What is asked.
        multiply_by: ``delta`` for Δ = x − b; ``input`` for x itself, whatever the baseline; ``none`` for the
            plain gradient.

    Returns:
        Scores of the elements.

    Raises:
        OptionError: If multiply_by is none of these.

    Source: eq. (13); Shrikumar et al. (2016), "Not just a black box", arXiv 1605.01713.
    """
    game = question.game
    factors = multipliers(game, multiply_by)
    examples = torch.arange(game.batch)
    found = []
    for part in blocks(game.batch, gradient_rows(game, wanted=game.batch)):
        xs = tuple(x[part] for x in game.inputs)
        found.append(value_and_gradient(game.scalar, xs, examples[part])[1])
    gradients = tuple(torch.cat(parts) for parts in zip(*found, strict=True))
    scores = tuple(g * m for g, m in zip(gradients, factors, strict=True))
    return Scores(elements=scores, diagnostics={"multiply_by": multiply_by})


def multipliers(game: Game, multiply_by: Multiplier) -> Rows:
    """Return what a gradient is multiplied by, tensors shaped like the inputs.

    Raises:
        OptionError: If multiply_by is not ``delta``, ``input`` or ``none``.
    """
    if multiply_by == "delta":
        return tuple(x - b for x, b in zip(game.inputs, game.baselines, strict=True))
    if multiply_by == "input":
        return game.inputs
    if multiply_by == "none":
        return tuple(torch.ones_like(x) for x in game.inputs)
    raise OptionError(f"multiply_by={multiply_by!r}; expected 'delta', 'input' or 'none'")

"""Gradient×Input: Δ_i ∂_i f(x)."""

from __future__ import annotations

from typing import Literal

import torch

from taylorattr.autodiff.game import blocks
from taylorattr.autodiff.gradient import gradient_rows, value_and_gradient
from taylorattr.errors import OptionError
from taylorattr.methods.method import Question, Scores, method

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
    if multiply_by not in ("delta", "input", "none"):
        raise OptionError(f"multiply_by={multiply_by!r}; expected 'delta', 'input' or 'none'")
    game = question.game
    examples = torch.arange(game.batch)
    found = []
    for part in blocks(game.batch, gradient_rows(game)):
        xs = tuple(x[part] for x in game.inputs)
        found.append(value_and_gradient(game.scalar, xs, examples[part])[1])
    gradients = tuple(torch.cat(parts) for parts in zip(*found, strict=True))
    ends = zip(gradients, game.inputs, game.baselines, strict=True)
    if multiply_by == "delta":
        scores = tuple(g * (x - b) for g, x, b in ends)
    elif multiply_by == "input":
        scores = tuple(g * x for g, x, _ in ends)
    else:
        scores = gradients
    return Scores(elements=scores, diagnostics={"multiply_by": multiply_by})

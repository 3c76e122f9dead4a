"""Noise on inputs, and references: given by a function, chosen at random from a generator of one's own."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.errors import ShapeError


def noisy(
    x: tuple[Tensor, ...], stdevs: float | Sequence[float], generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Return x with Gaussian noise, independent for each element and example.

    Args:
        x: Tensors (B, …).
        stdevs: One standard deviation, or one per tensor.
        generator: Source of random numbers, on the CPU.

    Returns:
        Tensors (B, …).

    Raises:
        ShapeError: If there is not one standard deviation per tensor.
    """
    each = tuple(stdevs) if isinstance(stdevs, Sequence) else (stdevs,) * len(x)
    if len(each) != len(x):
        raise ShapeError(f"{len(each)} standard deviations for {len(x)} input tensors; expected one for each")
    # drawn in float64 on the CPU, so that the numbers are the same in every dtype and on every device; where
    # there is no noise nothing is drawn, and the other inputs keep their numbers: integers get none
    return tuple(
        part.detach() + s * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part)
        if s and part.is_floating_point()
        else part.detach()
        for part, s in zip(x, each, strict=True)
    )


def chosen_rows(references: tuple[Tensor, ...], rows: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Return `rows` references drawn with replacement, the same row of every tensor."""
    which = torch.randint(len(references[0]), (rows,), generator=generator)
    return tuple(part.detach()[which.to(part.device)] for part in references)


def called_baselines(baselines: Any, inputs: Tensors) -> Any:
    """Return the references a function gives, called with the inputs if it has parameters."""
    if not callable(baselines) or isinstance(baselines, Tensor):
        return baselines
    if not inspect.signature(baselines).parameters:
        return baselines()
    return baselines(*inputs) if isinstance(inputs, tuple) else baselines(inputs)

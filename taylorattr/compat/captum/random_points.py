"""Noise on inputs and random choice of references, from a generator of one's own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

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
    return tuple(
        part.detach() + s * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part)
        if s
        else part.detach()
        for part, s in zip(x, each, strict=True)
    )


def chosen_rows(references: tuple[Tensor, ...], rows: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Return `rows` references drawn with replacement, the same row of every tensor."""
    which = torch.randint(len(references[0]), (rows,), generator=generator)
    return tuple(part.detach()[which.to(part.device)] for part in references)

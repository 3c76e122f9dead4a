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
    # drawn in float64 on the CPU, so that the numbers are the same in every dtype and on every device; where
    # there is no noise nothing is drawn, and the other inputs keep their numbers: integers get none
    return tuple(
        part.detach() + s * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part)
        if s and part.is_floating_point()
        else part.detach()
        for part, s in zip(x, _each(stdevs, x), strict=True)
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


class PathDraws:
    """Random points between noisy inputs and random references, sample after sample.

    The numbers of a sample follow those of the one before, noise before reference before place, so that they
    are the same however many are drawn at a time.

    Args:
        x: Tensors (B, …).
        references: Tensors (R, …).
        stdevs: Standard deviation of the noise, one or one per tensor.
        generator: Source of random numbers, on the CPU.

    Raises:
        ShapeError: If there is not one standard deviation per tensor.
    """

    def __init__(
        self,
        x: tuple[Tensor, ...],
        references: tuple[Tensor, ...],
        stdevs: float | Sequence[float],
        generator: torch.Generator,
    ) -> None:
        self._x = tuple(part.detach() for part in x)
        self._references = tuple(part.detach() for part in references)
        self._stdevs, self._generator = _each(stdevs, x), generator

    def __call__(self, samples: int) -> tuple[tuple[Tensor, ...], ...]:
        """Return points, ends and starts of the next samples, tensors (samples·B, …), sample by sample."""
        x, generator, batch = self._x, self._generator, len(self._x[0])
        noise = [
            torch.empty(samples, *part.shape, dtype=torch.float64) if s and part.is_floating_point() else None
            for part, s in zip(x, self._stdevs, strict=True)
        ]
        which = torch.empty(samples, batch, dtype=torch.int64)
        alphas = torch.empty(samples, batch, dtype=torch.float64)
        drawn = [part for part in noise if part is not None]
        for sample in range(samples):
            for part in drawn:
                part[sample].normal_(generator=generator)
            which[sample].random_(len(self._references[0]), generator=generator)
            alphas[sample].uniform_(generator=generator)
        ends = tuple(
            part.expand(samples, *part.shape).flatten(0, 1)
            if z is None
            else (part + s * z.to(part)).flatten(0, 1)
            for part, s, z in zip(x, self._stdevs, noise, strict=True)
        )
        starts = tuple(part[which.flatten().to(part.device)] for part in self._references)
        points = tuple(
            torch.lerp(b, e, alphas.to(e).reshape(-1, *(1,) * (e.ndim - 1)))
            for e, b in zip(ends, starts, strict=True)
        )
        return points, ends, starts


def _each(stdevs: float | Sequence[float], x: tuple[Tensor, ...]) -> tuple[float, ...]:
    """Return one standard deviation per tensor.

    Raises:
        ShapeError: If there are not as many.
    """
    each = tuple(stdevs) if isinstance(stdevs, Sequence) else (stdevs,) * len(x)
    if len(each) != len(x):
        raise ShapeError(f"{len(each)} standard deviations for {len(x)} input tensors; expected one for each")
    return each

"""captum's NoiseTunnel: any attribution averaged over noisy copies of the inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.analysis.inputs import baseline_tuple, input_tuple
from taylorattr.compat.captum.base import Attribution, current_seed, like_inputs
from taylorattr.compat.captum.per_example import pick_all, repeated_rows
from taylorattr.compat.captum.random_points import chosen_rows, noisy
from taylorattr.errors import OptionError

NOISE_TYPES = ("smoothgrad", "smoothgrad_sq", "vargrad")
"""Mean, mean square and variance of the scores of noisy copies."""


class NoiseTunnel(Attribution):
    """Mean, mean square or variance of an attribution over Gaussian noise on the inputs.

    Args:
        attribution_method: One of this package's captum classes.
    """

    def __init__(self, attribution_method: Attribution) -> None:
        super().__init__(attribution_method.forward_func)
        self.attribution_method = attribution_method

    @property
    def multiplies_by_inputs(self) -> bool:
        """As the method it wraps."""
        return self.attribution_method.multiplies_by_inputs

    def has_convergence_delta(self) -> bool:
        """As the method it wraps."""
        return self.attribution_method.has_convergence_delta()

    def attribute(
        self,
        inputs: Tensors,
        nt_type: str = "smoothgrad",
        nt_samples: int = 5,
        nt_samples_batch_size: int | None = None,
        stdevs: float | tuple[float, ...] = 1.0,
        draw_baseline_from_distrib: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return scores shaped like the inputs; with one delta per example and sample where asked for.

        Args:
            inputs: As the wrapped method takes them.
            nt_type: ``smoothgrad`` (mean), ``smoothgrad_sq`` (mean square) or ``vargrad`` (variance).
            nt_samples: Number of noisy copies.
            nt_samples_batch_size: Number of copies attributed in one call; None: all. The same noise is drawn
                whatever it is.
            stdevs: Standard deviation of the noise, one or one per input.
            draw_baseline_from_distrib: Draw a row of ``baselines`` for each example and copy.
            **kwargs: Of the wrapped method.

        Returns:
            The scores, or scores and deltas.

        Raises:
            OptionError: If ``nt_type`` is unknown, or a number of samples below 1.
        """
        if nt_type not in NOISE_TYPES:
            raise OptionError(f"nt_type={nt_type!r}; expected one of {', '.join(NOISE_TYPES)}")
        if nt_samples < 1:
            raise OptionError(f"nt_samples={nt_samples}; expected at least 1")
        if nt_samples_batch_size is not None and nt_samples_batch_size < 1:
            raise OptionError(
                f"nt_samples_batch_size={nt_samples_batch_size}; expected at least 1, or None for all copies"
            )
        x = input_tuple(inputs)
        batch = len(x[0])
        generator = torch.Generator().manual_seed(current_seed())
        references = kwargs.get("baselines")
        draws_baselines = draw_baseline_from_distrib and isinstance(references, (Tensor, tuple))
        wants_delta = bool(kwargs.get("return_convergence_delta", False))
        totals, scores = _Totals(nt_samples), None
        deltas = []
        at_once = min(nt_samples, nt_samples_batch_size or nt_samples)
        for first in range(0, nt_samples, at_once):
            count = min(at_once, nt_samples - first)
            copies, starts = [], []
            # copy after copy, noise before reference: so the same numbers are drawn whatever `at_once` is
            for _ in range(count):
                copies.append(noisy(x, stdevs, generator))
                if draws_baselines:
                    starts.append(chosen_rows(_as_rows(references, x), batch, generator))
            options = pick_all(kwargs, batch, repeated_rows(batch, count))
            if draws_baselines:
                options["baselines"] = like_inputs(_interleaved(starts), inputs)
            scores = self.attribution_method.attribute(  # pyright: ignore[reportAttributeAccessIssue]
                like_inputs(_interleaved(copies), inputs), **options
            )
            if wants_delta:
                scores, delta = scores
                deltas.append(delta.reshape(batch, -1))
            totals.add(scores if isinstance(scores, tuple) else (scores,), batch)
        result = totals.result(nt_type)
        scores = result if isinstance(scores, tuple) else result[0]
        return (scores, torch.cat(deltas, dim=1).reshape(-1)) if wants_delta else scores


class _Totals:
    """Running sums of scores and of their squares over noisy copies.

    Args:
        count: Number of copies.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.means: list[Tensor] = []
        self.squares: list[Tensor] = []

    def add(self, scores: tuple[Tensor, ...], batch: int) -> None:
        """Add scores (B·copies, …), an example's copies next to each other."""
        each = [part.reshape(batch, -1, *part.shape[1:]) for part in scores]
        means = [part.sum(1) / self.count for part in each]
        squares = [(part**2).sum(1) / self.count for part in each]
        self.means = means if not self.means else [a + b for a, b in zip(self.means, means, strict=True)]
        self.squares = (
            squares if not self.squares else [a + b for a, b in zip(self.squares, squares, strict=True)]
        )

    def result(self, nt_type: str) -> tuple[Tensor, ...]:
        """Return the mean, the mean square or the variance."""
        if nt_type == "smoothgrad":
            return tuple(self.means)
        if nt_type == "smoothgrad_sq":
            return tuple(self.squares)
        return tuple(s - m**2 for s, m in zip(self.squares, self.means, strict=True))


def _interleaved(copies: list[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Return tensors (B·copies, …) with an example's copies next to each other."""
    return tuple(torch.stack(parts, dim=1).flatten(0, 1) for parts in zip(*copies, strict=True))


def _as_rows(references: Any, x: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return references (R, …) per input; numbers become one row."""
    parts = references if isinstance(references, tuple) else (references,)
    tensors = [
        p if isinstance(p, Tensor) else baseline_tuple(p, (e,))[0][:1] for p, e in zip(parts, x, strict=True)
    ]
    rows = max(len(p) for p in tensors)
    return tuple(p.expand(rows, *p.shape[1:]) for p in tensors)

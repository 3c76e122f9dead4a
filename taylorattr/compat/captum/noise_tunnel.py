"""captum's NoiseTunnel: any attribution averaged over noisy copies of the inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.autodiff.inputs import baseline_tuple, input_tuple
from taylorattr.compat.captum.base import Attribution, current_seed
from taylorattr.compat.captum.random_points import chosen_rows, noisy
from taylorattr.errors import OptionError

TYPES = ("smoothgrad", "smoothgrad_sq", "vargrad")


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
        nt_samples_batch_size: int | None = None,  # noqa: ARG002
        stdevs: float | tuple[float, ...] = 1.0,
        draw_baseline_from_distrib: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Return scores shaped like the inputs; with one delta per example and sample where asked for.

        Args:
            inputs: As the wrapped method takes them.
            nt_type: ``smoothgrad`` (mean), ``smoothgrad_sq`` (mean square) or ``vargrad`` (variance).
            nt_samples: Number of noisy copies.
            nt_samples_batch_size: Accepted and not needed: copies are attributed one after another.
            stdevs: Standard deviation of the noise, one or one per input.
            draw_baseline_from_distrib: Draw a row of ``baselines`` for each example and copy.
            **kwargs: Of the wrapped method.

        Returns:
            The scores, or scores and deltas.

        Raises:
            OptionError: If ``nt_type`` is unknown or ``nt_samples`` below 1.
        """
        if nt_type not in TYPES:
            raise OptionError(f"nt_type={nt_type!r}; expected one of {', '.join(TYPES)}")
        if nt_samples < 1:
            raise OptionError(f"nt_samples={nt_samples}; expected at least 1")
        x = input_tuple(inputs)
        generator = torch.Generator().manual_seed(current_seed())
        references = kwargs.get("baselines")
        wants_delta = bool(kwargs.get("return_convergence_delta", False))
        means: list[Tensor] = []
        squares: list[Tensor] = []
        deltas = []
        for _ in range(nt_samples):
            copy = noisy(x, stdevs, generator)
            if draw_baseline_from_distrib and isinstance(references, (Tensor, tuple)):
                rows = chosen_rows(_as_rows(references, x), len(x[0]), generator)
                kwargs["baselines"] = rows if isinstance(inputs, tuple) else rows[0]
            found = self.attribution_method.attribute(  # pyright: ignore[reportAttributeAccessIssue]
                copy if isinstance(inputs, tuple) else copy[0], **kwargs
            )
            if wants_delta:
                found, delta = found
                deltas.append(delta)
            parts = found if isinstance(found, tuple) else (found,)
            means = _added(means, parts, nt_samples)
            squares = _added(squares, tuple(p**2 for p in parts), nt_samples)
        if nt_type == "smoothgrad_sq":
            means = squares
        elif nt_type == "vargrad":
            means = [s - m**2 for s, m in zip(squares, means, strict=True)]
        result = tuple(means) if isinstance(inputs, tuple) else means[0]
        return (result, torch.stack(deltas, dim=1).reshape(-1)) if wants_delta else result


def _as_rows(references: Any, x: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return references (R, …) per input; numbers become one row."""
    parts = references if isinstance(references, tuple) else (references,)
    given = [
        p if isinstance(p, Tensor) else baseline_tuple(p, (e,))[0][:1] for p, e in zip(parts, x, strict=True)
    ]
    rows = max(len(p) for p in given)
    return tuple(p.expand(rows, *p.shape[1:]) for p in given)


def _added(totals: list[Tensor], parts: tuple[Tensor, ...], count: int) -> list[Tensor]:
    if not totals:
        return [part / count for part in parts]
    return [total + part / count for total, part in zip(totals, parts, strict=True)]

"""Arguments that hold one entry per example: picked, repeated, cut into single examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

PER_EXAMPLE = ("target", "additional_forward_args", "baselines", "feature_mask")
"""Keyword arguments of captum's classes that may hold one entry per example."""


def pick(value: Any, batch: int, rows: Tensor) -> Any:
    """Return an argument for other rows.

    Args:
        value: Tensors of leading size B and lists of length B hold one entry per example; tuples hold
            several arguments; everything else serves all examples.
        batch: Number of examples B.
        rows: Shape (R,), int64: the example of each new row.

    Returns:
        The same structure with R entries where there were B.
    """
    if isinstance(value, Tensor):
        return value[rows.to(value.device)] if value.ndim and len(value) == batch else value
    if isinstance(value, list):
        return [value[r] for r in rows.tolist()] if len(value) == batch else value
    if isinstance(value, tuple):
        return tuple(pick(part, batch, rows) for part in value)
    return value


def pick_all(arguments: Mapping[str, Any], batch: int, rows: Tensor) -> dict[str, Any]:
    """Return keyword arguments for other rows; those that hold nothing per example stay as they are."""
    return {
        name: pick(value, batch, rows) if name in PER_EXAMPLE else value for name, value in arguments.items()
    }


def repeated_rows(batch: int, times: int) -> Tensor:
    """Return 0 … 0, 1 … 1, …: every example `times` in a row, shape (B·times,)."""
    return torch.arange(batch).repeat_interleave(times)

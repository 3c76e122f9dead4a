"""Arguments that hold one entry per example, feature masks among them: picked, repeated, made players.

And inputs that hold one entry for all examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr import attribution
from taylorattr.aliases import Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.player_masks import integer_mask, spread_masks
from taylorattr.errors import PlayerError, ShapeError

PER_EXAMPLE = ("target", "additional_forward_args", "baselines", "feature_mask")
"""Keyword arguments of captum's classes that may hold one entry per example; another list that happens to be
as long as the batch is left alone."""


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


def masks_differ(inputs: Tensors, feature_mask: Any) -> bool:
    """Return whether examples have features of their own: a mask (B, …) whose rows differ."""
    if feature_mask is None:
        return False
    masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
    batch = len(input_tuple(inputs)[0])
    # masks are counted against the inputs where players are made of them, with a message of its own
    return batch > 1 and any(
        mask.ndim and len(mask) == batch and mask.ndim == part.ndim and bool((mask != mask[:1]).any())
        for mask, part in zip(masks, input_tuple(inputs), strict=False)
    )


def players_of(inputs: Tensors, feature_mask: Any) -> Any:
    """Return masks that all examples share as players: spread over one example's shape, None for none.

    Raises:
        ShapeError: If a mask does not broadcast to one example.
    """
    if feature_mask is None:
        return None
    masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
    try:
        return spread_masks(tuple(map(integer_mask, masks)), input_tuple(inputs))
    except PlayerError as error:  # captum's users know feature masks, which may differ between examples
        fault = str(error).replace("player mask", "feature mask")
        rows = len(input_tuple(inputs)[0])
        raise ShapeError(
            f"the mask does not fit: {fault}; or one row for each of the {rows} examples"
        ) from error


class JoinedExamples:
    """Results of single examples with features of their own, in the form of one result.

    Attributes:
        scores: Shaped like the inputs.
        player_scores: Shape (B, n), n the largest number of features; 0 where an example has fewer.
        diagnostics: Those of the first.
    """

    def __init__(self, results: Sequence[attribution.Attribution], as_tuple: bool) -> None:
        parts = [r.scores if isinstance(r.scores, tuple) else (r.scores,) for r in results]
        joined = tuple(torch.cat(same) for same in zip(*parts, strict=True))  # pyright: ignore[reportArgumentType]
        self.scores = joined if as_tuple else joined[0]
        self.diagnostics = results[0].diagnostics
        most = max(r.n for r in results)
        self.player_scores = torch.cat([F.pad(r.player_scores, (0, most - r.n)) for r in results])


def spread_over_batch(
    model: Callable[..., Any], inputs: Tensors
) -> tuple[Callable[..., Any], Tensors, tuple[bool, ...]]:
    """Return a model and inputs with one row per example each, where some inputs are one row for all.

    captum passes a tensor (1, …) beside one (B, …) on as it is. Repeated for each example it would meet the
    rows of the others inside the model, so the model is then run on one example at a time.

    Args:
        model: Module or callable.
        inputs: Tensors (B, …) or (1, …).

    Returns:
        The model, tensors (B, …), and which of them are shared; model and inputs as they are if none is.
    """
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    sizes = [len(part) if isinstance(part, Tensor) and part.ndim else 0 for part in parts]
    batch = max(sizes, default=0)
    shared = tuple(size == 1 != batch for size in sizes)
    if not any(shared) or {*sizes} != {1, batch}:
        return model, inputs, (False,) * len(parts)

    def one_at_a_time(*arguments: Any) -> Tensor:
        rows = len(arguments[0])
        each = [torch.tensor([row]) for row in range(rows)]
        return torch.cat([model(*(pick(a, rows, row) for a in arguments)) for row in each])

    spread = (p.expand(batch, *p.shape[1:]) if s else p for p, s in zip(parts, shared, strict=True))
    return one_at_a_time, tuple(spread), shared


def summed_where_shared(parts: tuple[Tensor, ...], shared: tuple[bool, ...]) -> tuple[Tensor, ...]:
    """Return scores (B, …) with those of shared inputs summed over the batch, (1, …)."""
    return tuple(p.sum(0, keepdim=True) if s else p for p, s in zip(parts, shared, strict=True))

"""captum's feature masks as players: one for all examples, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr import attribution
from taylorattr.aliases import Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.errors import ShapeError


def varies(inputs: Tensors, feature_mask: Any) -> bool:
    """Return whether examples have features of their own: a mask (B, …) whose rows differ."""
    if feature_mask is None:
        return False
    masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
    batch = len(input_tuple(inputs)[0])
    return batch > 1 and any(
        mask.ndim and len(mask) == batch and mask.ndim == part.ndim and bool((mask != mask[:1]).any())
        for mask, part in zip(masks, input_tuple(inputs), strict=False)
    )


def players_of(inputs: Tensors, feature_mask: Any) -> Any:
    """Return the masks spread over one example's shape each, None where there is none.

    Raises:
        ShapeError: If a mask does not broadcast to one example.
    """
    if feature_mask is None:
        return None
    parts = input_tuple(inputs)
    masks = feature_mask if isinstance(feature_mask, tuple) else (feature_mask,)
    if len(masks) != len(parts):
        raise ShapeError(f"{len(masks)} feature masks for {len(parts)} input tensors; expected one for each")
    spread: list[Tensor] = []
    for mask, part in zip(masks, parts, strict=True):
        alike = mask[:1] if mask.ndim == part.ndim and len(mask) == len(part) else mask
        try:
            spread.append(torch.broadcast_to(alike, (1, *part.shape[1:]))[0])
        except RuntimeError as error:
            raise ShapeError(
                f"a feature mask of shape {tuple(mask.shape)} does not fit inputs {tuple(part.shape)}; "
                f"expected one that broadcasts to (1, {', '.join(map(str, part.shape[1:]))}), shared by all "
                f"examples, or one row for each of the {len(part)} examples"
            ) from error
    return tuple(spread)


class Joined:
    """Results of single examples with features of their own, in the form of one result.

    Attributes:
        scores: Shaped like the inputs.
        player_scores: Shape (B, n), n the largest number of features; 0 where an example has fewer.
    """

    def __init__(self, found: Sequence[attribution.Attribution], as_tuple: bool) -> None:
        parts = [f.scores if isinstance(f.scores, tuple) else (f.scores,) for f in found]
        joined = tuple(torch.cat(same) for same in zip(*parts, strict=True))  # pyright: ignore[reportArgumentType]
        self.scores = joined if as_tuple else joined[0]
        most = max(f.n for f in found)
        self.player_scores = torch.cat([F.pad(f.player_scores, (0, most - f.n)) for f in found])

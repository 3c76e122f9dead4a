"""In which order players are taken: by score, ties broken by a seeded permutation, never by number."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.errors import NonFiniteError, OptionError, ShapeError

Rank: TypeAlias = Literal["signed", "abs"]
"""Whether scores are ranked as they are or by their magnitude."""


def tensor_of(values: Any, name: str, expected: str) -> Tensor:
    """Return numbers as a tensor.

    Raises:
        OptionError: If they are none that torch can hold.
    """
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        raise OptionError(f"{name} are a {type(values).__name__}; expected {expected}") from None


def score_tensor(scores: Tensor | np.ndarray, name: str = "scores") -> Tensor:
    """Return scores as a floating-point tensor (…, n); float64 for arrays and integers.

    Raises:
        ShapeError: If there is no dimension of players, or it is empty.
        NonFiniteError: If a score is NaN or infinite.
    """
    result = tensor_of(scores, name, "a tensor or array (…, n) of numbers")
    if not result.is_floating_point():
        result = result.double()
    if result.ndim == 0 or result.shape[-1] == 0:
        raise ShapeError(f"{name} have shape {tuple(result.shape)}; expected (…, n), a number per player")
    finite = torch.isfinite(result.detach())
    if not bool(finite.all()):
        where = tuple((~finite).nonzero()[0].tolist())
        raise NonFiniteError(
            f"{name} hold {float(result[where])} at index {list(where)}; expected finite numbers"
        )
    return result


def importance(scores: Tensor, rank: Rank) -> Tensor:
    """Return what players are ranked by: the scores, or their magnitudes.

    Raises:
        OptionError: If rank is neither ``signed`` nor ``abs``.
    """
    if rank not in ("signed", "abs"):
        raise OptionError(f"rank={rank!r}; it is 'signed' (scores as they are) or 'abs' (their magnitude)")
    return scores.abs() if rank == "abs" else scores


def ranking(
    scores: Tensor | np.ndarray, rank: Rank = "signed", *, least_first: bool = False, seed: int = 0
) -> Tensor:
    """Return the players in the order of their scores, the largest first.

    Ties are broken by a random permutation of the players drawn for each example, the same for all leading
    dimensions, so that candidates are compared with equal luck. ``least_first`` keeps that permutation:
    ranking(−s) is exactly ranking(s, least_first=True).

    Args:
        scores: Shape (…, B, n) or (n,).
        rank: ``signed`` or ``abs``.
        least_first: Whether the smallest score comes first.
        seed: Of the permutations; the global generators are left alone.

    Returns:
        Numbers of the players, shape of the scores, int64.

    Raises:
        OptionError: If rank is unknown.
        ShapeError: If there are no players.
        NonFiniteError: If a score is NaN or infinite.
    """
    keys = importance(score_tensor(scores).detach(), rank)
    # players are shuffled first, and the sort is stable: equal scores stay in the shuffled order
    shuffled = permutations(keys.shape[-2:], seed).to(keys.device).expand(keys.shape)
    order = torch.argsort(keys.gather(-1, shuffled), dim=-1, descending=not least_first, stable=True)
    return shuffled.gather(-1, order)


def permutations(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return a uniformly random permutation of 0 … n − 1 in every row, shape (…, n), int64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, dtype=torch.float64, generator=generator).argsort(-1)


def tied_share(scores: Tensor | np.ndarray, rank: Rank = "signed") -> Tensor:
    """Return the share of players whose score another player has too, shape (…): how much luck orders.

    Args:
        scores: Shape (…, n).
        rank: ``signed`` or ``abs``.

    Raises:
        OptionError: If rank is unknown.
        ShapeError: If there are no players.
        NonFiniteError: If a score is NaN or infinite.
    """
    ordered = importance(score_tensor(scores).detach(), rank).sort(-1).values
    same = ordered[..., 1:] == ordered[..., :-1]
    none = same.new_zeros(*same.shape[:-1], 1)  # the ends have a neighbour on one side only
    return (torch.cat([same, none], -1) | torch.cat([none, same], -1)).double().mean(-1)

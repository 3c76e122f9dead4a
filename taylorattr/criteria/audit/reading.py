"""Reading: what a method answered to a batch of masked rows, summed inside each player."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.analysis.player_sums import sum_over_players
from taylorattr.errors import NonFiniteError, ShapeError

NORMS = ("the largest |score|", "Σ|score|", "Σ score", "the length ‖score‖")


@dataclass
class Reading:
    """Scores of m rows.

    Attributes:
        players: a_i(x_T), shape (m, n), float64.
        eps: Unit roundoff of what the method returned.
        values: f(x_T) as the method saw it, shape (m,); None where it does not say.
        norms: `NORMS` of each row's elements, shape (m, 4); None where the method gives players' scores.
        smallest: Smallest element of each row, (m,); None likewise.
        off: Σ|a_e| over the elements that stand at the baseline, (m,); None likewise.
        repeated: Whether all elements of each player carry the same score, in every row.
        drawn: Whether the method says that it draws samples.
        facts: What else the method said.
    """

    players: np.ndarray
    eps: float
    values: np.ndarray | None = None
    norms: np.ndarray | None = None
    smallest: np.ndarray | None = None
    off: np.ndarray | None = None
    repeated: bool = False
    drawn: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


def read_scores(game: Game, given: Any, present: np.ndarray) -> Reading:
    """Turn what a callable returned into a reading.

    Args:
        game: The game.
        given: Tensor, array or tuple of them: shaped like the rows, or (m, n) with one score per player.
        present: Coalitions of the rows, shape (m, n).

    Returns:
        The reading.

    Raises:
        ShapeError: If the scores have neither shape.
        NonFiniteError: If a score is NaN or infinite.
    """
    parts = tuple(_tensor(part) for part in (given if isinstance(given, (tuple, list)) else (given,)))
    m, shapes = len(present), [tuple(owner.shape) for owner in game.maps]
    eps = max(torch.finfo(part.dtype).eps / 2 for part in parts)
    cpu = tuple(part.detach().cpu().double() for part in parts)
    if not all(bool(torch.isfinite(part).all()) for part in cpu):
        raise NonFiniteError(
            "the method returned NaN or infinite scores for a masked input; it divides by something that "
            "vanishes where an input equals its baseline"
        )
    if [tuple(p.shape) for p in cpu] == [(m, *shape) for shape in shapes]:
        return _from_elements(game, cpu, present, eps)
    if len(cpu) == 1 and tuple(cpu[0].shape) == (m, game.n):
        return Reading(cpu[0].numpy(), eps)
    raise ShapeError(
        f"the method returned scores of shape {[tuple(p.shape) for p in cpu]} for {m} rows; expected the "
        f"shape of the rows, {[(m, *shape) for shape in shapes]}, or one score per player, {(m, game.n)}"
    )


def _tensor(part: Any) -> Tensor:
    if not isinstance(part, (Tensor, np.ndarray)):
        raise ShapeError(f"the method returned a {type(part).__name__}; expected a tensor or a tuple of them")
    tensor = part if isinstance(part, Tensor) else torch.from_numpy(np.ascontiguousarray(part))
    return tensor if tensor.is_floating_point() else tensor.double()


def _from_elements(game: Game, parts: tuple[Tensor, ...], present: np.ndarray, eps: float) -> Reading:
    m = len(present)
    flat = torch.cat([part.reshape(m, -1) for part in parts], dim=1).numpy()
    owner = np.concatenate([part.reshape(-1).cpu().numpy() for part in game.maps])
    named = np.flatnonzero(owner >= 0)
    scores, owner = flat[:, named], owner[named]
    size = np.abs(scores)
    total = sum_over_players(game, tuple(part.to(game.device) for part in parts)).cpu().numpy()
    each = np.bincount(owner, minlength=game.n)
    first = np.zeros(game.n, dtype=np.int64)
    first[owner[::-1]] = np.arange(len(owner))[::-1]
    return Reading(
        players=total,
        eps=eps,
        norms=np.stack([size.max(1), size.sum(1), scores.sum(1), np.sqrt((scores**2).sum(1))], axis=1),
        smallest=scores.min(1),
        off=np.where(present[:, owner], 0.0, size).sum(1),
        repeated=bool(each.max() > 1) and bool((scores == scores[:, first[owner]]).all()),
    )

"""What an attribution method answers, by player and by element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import Frame, Tensors
from taylorattr.analysis.game import Game, sum_over_players
from taylorattr.errors import ShapeError


@dataclass
class Scores:
    """What a method answers; exactly one of `players` and `elements` is given.

    Attributes:
        players: Shape (B, n).
        elements: Tensors shaped like the inputs (B, …); summed over each player.
        f_baseline: f(b), shape (B,), where it is not the game's: the mean over references, f at A = 0.
        standard_errors: Of the players' scores, shape (B, n), where samples were drawn.
        names: Names of the players, where they are not the game's.
        map: What `Attribution.scores` shows instead of the players' scores (Grad-CAM).
        frame: Where it is not the method's.
        diagnostics: What a reader must know; JSON-able.
    """

    players: Tensor | None = None
    elements: tuple[Tensor, ...] | None = None
    f_baseline: Tensor | None = None
    standard_errors: Tensor | None = None
    names: tuple[str, ...] | None = None
    map: Tensors | None = None
    frame: Frame | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def part(self, examples: Tensor) -> Scores:
        """Return the players' scores of some examples."""
        players, errors = (t if t is None else t[examples] for t in (self.players, self.standard_errors))
        return replace(self, players=players, standard_errors=errors)


def player_scores(game: Game, scores: Scores) -> Tensor:
    """Return what each player is given, shape (B, n), float64 on the CPU.

    Raises:
        ShapeError: If not exactly one of players and elements is given.
    """
    if (scores.players is None) == (scores.elements is None):
        raise ShapeError("a method gives either players or elements; this one gives both or neither")
    if scores.players is not None:
        return float64(scores.players)
    return sum_over_players(game, tuple(float64(part) for part in scores.elements or ()))


def element_scores(
    game: Game, by_player: Tensor, scores: Sequence[Scores], per_element: bool
) -> tuple[Tensor, ...]:
    """Return the players' scores in the structure of the inputs.

    Args:
        game: The game.
        by_player: Shape (B, n).
        scores: The method's answers; elements that are players of their own are passed on untouched.
        per_element: Whether to divide a player's score among its elements; else it is repeated.

    Returns:
        Tensors shaped like the inputs, in the dtype of the analysis and on its device.
    """
    own = sum(owner.numel() for owner in game.maps) == game.n  # players are disjoint, and none is empty
    if own and len(scores) == 1 and scores[0].elements is not None:
        return scores[0].elements
    # of the elements that move: a player may have integers as well, which are held
    owners = torch.cat([owner.reshape(-1) for owner in game.maps]).cpu()
    sizes = torch.bincount(owners[owners >= 0], minlength=game.n).clamp_min(1).double()
    shares = by_player / sizes if per_element else by_player
    padded = torch.cat([shares, shares.new_zeros(game.batch, 1)], dim=1)  # −1 reads the last column: 0
    floating = game.dtype if game.dtype.is_floating_point else torch.float64
    return tuple(
        padded[:, owner.reshape(-1).cpu()].reshape(game.batch, *owner.shape).to(game.device, floating)
        for owner in game.maps
    )


def float64(tensor: Tensor) -> Tensor:
    """Return a tensor detached, on the CPU, in float64."""
    return tensor.detach().cpu().double()

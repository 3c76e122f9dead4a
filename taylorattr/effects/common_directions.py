"""When the directions of several examples are multiples of common ones, so that one walk serves all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.analysis.game import Game


@dataclass(frozen=True)
class Scaled:
    """Directions of several examples as multiples of common ones.

    Attributes:
        directions: The common ones, one tensor (n, …) per input; powers of two, 0 for a player that moves in
            no example.
        ratios: r with Δ_g = r_g times the common direction of g, shape (E, n), |r| ≤ 1.
    """

    directions: tuple[Tensor, ...]
    ratios: Tensor


def common_directions(game: Game, points: tuple[Tensor, ...], steps: tuple[Tensor, ...]) -> Scaled | None:
    """Return the common directions of some examples, None if they have none.

    They have where they share the expansion point and every player is one element: D^κ f is then the same for
    all, and I(κ) = D^κ f · Δ^κ.

    Args:
        game: The game, whose players they are.
        points: Expansion points, one tensor (E, …) per input.
        steps: From there to the far ends, likewise.
    """
    n = game.n
    owners = torch.cat([owner.reshape(-1) for owner in game.maps])
    owners = owners[owners >= 0]
    if len(owners) != n or len(owners.unique()) != n:
        return None
    if not all(bool((x == x[:1]).all()) for x in points):
        return None
    deltas = points[0].new_zeros(len(points[0]), n)
    for owner, step in zip(game.maps, steps, strict=True):
        flat = owner.reshape(-1)
        deltas[:, flat[flat >= 0]] = step.reshape(len(step), -1)[:, flat >= 0]
    # powers of two, by which every number of the walk is scaled without rounding
    _, exponent = torch.frexp(deltas.abs().amax(0))
    scale = torch.where((deltas != 0).any(0), torch.ldexp(torch.ones_like(deltas[0]), exponent), 0.0)
    if not bool(torch.isfinite(scale).all()):
        return None
    directions = []
    for owner in game.maps:
        flat, place = owner.reshape(-1), torch.arange(owner.numel(), device=owner.device)
        named = flat >= 0
        block = scale.new_zeros(n, flat.numel())
        block[flat[named], place[named]] = scale[flat[named]]
        directions.append(block.reshape(n, *owner.shape))
    return Scaled(tuple(directions), deltas / torch.where(scale == 0, 1.0, scale))

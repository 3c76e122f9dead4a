"""Gradients at many points between baseline and input, kept apart by example, player and point."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.player_sums import sum_over_players
from taylorattr.autodiff.gradient import gradient_rows, value_and_gradient
from taylorattr.methods.scores import float64


def node_gradients(game: Game, places: Tensor) -> Tensor:
    """Return Δ_i ∂_i f(b + t∘Δ) of every example at every place.

    Args:
        game: The game.
        places: t of each player, shape (Q, n); in [0, 1].

    Returns:
        Shape (B, n, Q), float64 on the CPU.
    """
    count = len(places)
    found = torch.empty(game.batch * count, game.n, dtype=torch.float64)
    places = places.to(game.device)
    for part in blocks(len(found), gradient_rows(game)):
        index = torch.arange(part.start, part.stop, device=game.device)
        example, place = index // count, places[index % count]
        points = []
        for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
            weight = place[:, owner.clamp_min(0).reshape(-1)].reshape(len(index), *owner.shape)
            points.append(torch.lerp(b[example], x[example], weight.to(x.dtype)))
        gradients = value_and_gradient(game.scalar, tuple(points), example.cpu())[1]
        ends = zip(gradients, game.inputs, game.baselines, strict=True)
        moved = tuple(g * (x[example] - b[example]) for g, x, b in ends)
        found[part] = float64(sum_over_players(game, moved))
    return found.reshape(game.batch, count, game.n).swapaxes(1, 2)

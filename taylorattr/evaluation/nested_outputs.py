"""The model's outputs while players are replaced, or brought back, one after the other."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.inputs import require_finite
from taylorattr.evaluation.readout import Followed


def nested_outputs(
    followed: Followed,
    order: Tensor,
    counts: Tensor,
    fill: tuple[Tensor, ...] | None = None,
    *,
    bring_back: bool = False,
) -> Tensor:
    """Return the followed output with the first k players of an order replaced, for each k.

    Args:
        followed: The model with inputs and players.
        order: Players of each example, shape (B, n).
        counts: The k, shape (K,); each is evaluated once.
        fill: What stands in, tensors (B, …); None: the game's baselines.
        bring_back: Whether the first k are kept and all others replaced.

    Returns:
        Shape (B, K), float64 on the CPU.

    Raises:
        NonFiniteError: If an output is NaN or infinite; names example and step.
    """
    game = followed.game
    unique, back = counts.unique(return_inverse=True)
    fill = tuple(b.to(x) for b, x in zip(fill or game.baselines, game.inputs, strict=True))
    place = order.argsort(-1).to(game.device)
    steps = unique.to(game.device)
    found = torch.empty(game.batch * len(unique), dtype=torch.float64)
    with torch.no_grad():
        for part in blocks(len(found), followed.rows):
            index = torch.arange(part.start, part.stop, device=game.device)
            example, step = index // len(unique), steps[index % len(unique)]
            first = place[example] < step[:, None]
            points = _points(game, example, first ^ bring_back, fill)
            found[part] = game.scalar.values(points, example.cpu()).double().cpu()
    values = found.reshape(game.batch, len(unique))
    kept = "all but the first k of the players" if bring_back else "the first k players"
    require_finite(
        values, f"the output with {kept} replaced (index: place among k = {unique.tolist()[:8]} …)"
    )
    return values[:, back]


def _points(game: Game, example: Tensor, replaced: Tensor, fill: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the inputs of each row with its replaced players (R, n) taken from the fill."""
    points = []
    for x, b, owner in zip(game.inputs, fill, game.maps, strict=True):
        chosen = replaced[:, owner.clamp_min(0).reshape(-1)].reshape(len(example), *owner.shape) & (
            owner >= 0
        )
        points.append(torch.where(chosen, b[example], x[example]))
    return tuple(points)

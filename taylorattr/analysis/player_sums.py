"""From numbers per input element to numbers per player."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.game import Game


def sum_over_players(game: Game, elements: tuple[Tensor, ...]) -> Tensor:
    """Return the sum over each player's elements.

    Args:
        game: The game.
        elements: One tensor (R, …) per input tensor.

    Returns:
        Shape (R, n), in the dtype and on the device of the elements; unnamed elements are left out.
    """
    rows = elements[0].shape[0]
    if len(elements) == 1 and elements[0][0].numel() == game.n:
        owner = game.maps[0].reshape(-1)
        if bool((owner == torch.arange(game.n, device=owner.device)).all()):
            return elements[0].reshape(rows, -1)
    total = elements[0].new_zeros(rows, game.n + 1)  # the last column: unnamed elements
    for part, owner in zip(elements, game.maps, strict=True):
        place = torch.where(owner < 0, game.n, owner).reshape(-1)
        total.index_add_(1, place.to(part.device), part.reshape(rows, -1))
    return total[:, : game.n]

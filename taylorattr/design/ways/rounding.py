"""What rounding of a model's outputs makes of scores that are differences of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.errors import PrecisionWarning, warn

SERIOUS = 1e-2
"""Share of Σ|scores| that is warned of."""


def rounding_error(game: Game, scores: Tensor, name: str) -> dict[str, Any]:
    """Return one rounding of the larger end output over Σ|scores| per example; warn where it is large.

    A constant that is added to the output leaves the scores as they are and takes digits from all of them.

    Args:
        game: The game.
        scores: Shape (B, R).
        name: Of the rule.

    Returns:
        The error, for the diagnostics.
    """
    size = scores.abs().sum(1)
    top = torch.maximum(game.f_input.abs(), game.f_baseline.abs()).double().cpu()
    eps = torch.finfo(game.dtype if game.dtype.is_floating_point else torch.float64).eps
    relative = torch.where(size == 0, size, eps * top / size)
    worst = int(relative.argmax())
    if float(relative[worst]) > SERIOUS:
        share = float(relative[worst])
        warn(
            f"{name}: outputs of {float(top[worst]):.3g} are rounded by {share:.2g} of Σ|scores| in example "
            f"{worst}, so the scores are no better; use dtype=torch.float64, or leave a constant out of the "
            "output",
            PrecisionWarning,
        )
    return {"what": "rounding of the outputs, over Σ|scores|", "relative": relative.tolist()}

"""Smooth ranks for players too many for a table: where each stands, and whether it is among the first k."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.evaluation.ranking import Rank, importance


def soft_ranks(scores: Tensor, temperature: float, *, rank: Rank = "signed") -> Tensor:
    """Return r_i = Σ_{j≠i} sigmoid((s_j − s_i)/τ): how many players stand before i.

    Args:
        scores: Shape (…, n).
        temperature: τ > 0, in units of the root mean square of each row; → 0 gives the ranks 0 … n − 1.
        rank: Whether s are the scores or their magnitudes.

    Returns:
        Shape (…, n), in (0, n − 1), with sum n(n − 1)/2; differentiable.

    Raises:
        OptionError: If the temperature is not positive or rank is unknown.
    """
    if not temperature > 0:
        raise OptionError(f"temperature={temperature!r}; expected a positive number")
    given = importance(scores, rank)
    size = scores.square().mean(-1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny).sqrt()
    logits = given / (temperature * size)
    ahead = torch.sigmoid(logits[..., None, :] - logits[..., :, None])
    return ahead.sum(-1) - 0.5  # without the player itself, at sigmoid(0)


def soft_memberships(scores: Tensor, temperature: float, *, rank: Rank = "signed") -> Tensor:
    """Return m_k,i = sigmoid((k − ½ − r_i)/τ): how far player i belongs to the first k, k = 0 … n.

    As t of f̃(t) = f(b + Σ_i t_i Δ_i) they make a smooth recovery curve of a model, and 1 − m a deletion
    curve, without a table; the model is then run between baseline and input, and not only at coalitions.

    Args:
        scores: Shape (…, n).
        temperature: τ > 0; → 0 gives the sets themselves where no scores tie.
        rank: ``signed`` or ``abs``.

    Returns:
        Shape (…, n+1, n); differentiable. Row 0 is not exactly 0 and row n not exactly 1 at τ > 0.

    Raises:
        OptionError: If the temperature is not positive or rank is unknown.
    """
    ranks = soft_ranks(scores, temperature, rank=rank)
    counts = torch.arange(scores.shape[-1] + 1, dtype=ranks.dtype, device=ranks.device)
    return torch.sigmoid((counts[:, None] - 0.5 - ranks[..., None, :]) / temperature)

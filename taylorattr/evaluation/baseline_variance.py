"""How much scores depend on the choice of the baseline."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.errors import ShapeError


def baseline_variance(scores: Tensor) -> Tensor:
    """Return Σ_i Var_r(s_i) / Σ_i E_r(s_i²): the part of the scores' size that the baselines make.

    0 where all baselines give the same scores, 1 where they cancel in the mean; scaling all scores of an
    example changes nothing. Average over examples for an objective.

    Args:
        scores: Shape (R, …, B, n), one set of scores for each of R ≥ 2 baselines; differentiable.

    Returns:
        Shape (…, B); 0 where all scores are 0.

    Raises:
        ShapeError: If there are fewer than two baselines, or no players.
    """
    if scores.ndim < 2 or len(scores) < 2:
        raise ShapeError(
            f"scores have shape {tuple(scores.shape)}; expected (R, …, n) with R ≥ 2 baselines in front"
        )
    whole = scores.square().mean(0).sum(-1)
    spread = (scores - scores.mean(0)).square().mean(0).sum(-1)
    return spread / torch.where(whole > 0, whole, 1.0)

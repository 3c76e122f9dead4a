"""How far sums of scores are from what removing players does to the output."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from taylorattr.effects.harsanyi_effects import HarsanyiEffects
from taylorattr.evaluation.coalition_curves import coalition_table, fitting_scores


def coalition_infidelity(
    values: HarsanyiEffects | Tensor | np.ndarray, scores: Tensor | np.ndarray
) -> Tensor:
    """Return 2^{−n} Σ_S (Σ_{i∈S} s_i − [v(N) − v(N∖S)])², the infidelity of replacing random sets of players.

    Args:
        values: Table v (B, 2^n) in bitmask order, or full effects; see :func:`coalition_table`.
        scores: Shape (…, B, n); differentiable.

    Returns:
        Shape (…, B), in squared units of the output. 0 for the scores of an additive model.

    Raises:
        OptionError: If the effects are truncated.
        ShapeError: If scores and table do not fit.
        NonFiniteError: If a score is NaN or infinite.

    Source: Yeh et al. (2019), "On the (in)fidelity and sensitivity of explanations", with the perturbation
    that replaces every player by its baseline with probability ½.
    """
    table = coalition_table(values)
    given = fitting_scores(table, scores)
    sums = given.new_zeros(*given.shape[:-1], 1)
    for i in range(given.shape[-1]):
        sums = torch.cat([sums, sums + given[..., i : i + 1]], -1)
    return (sums - (table[:, -1:] - table.flip(-1))).square().mean(-1)

"""All J(S) of the examples of a series: what its Taylor effects are held against."""

from __future__ import annotations

import numpy as np
import torch

from taylorattr.effects.harsanyi_effects import HarsanyiEffects
from taylorattr.effects.series import TaylorSeries
from taylorattr.maths.mobius import mobius_


def exact_effects(series: TaylorSeries) -> HarsanyiEffects:
    """Return all 2^n effects of every example in the series' frame, eq. (3), (8).

    Args:
        series: The series of a game of few players.

    Returns:
        The full table, without error bounds, checkpoints or progress.
    """
    game = series.game
    masks = range(1 << game.n)
    table = mobius_(np.stack([series.end_values(example, masks) for example in range(game.batch)]))
    if series.frame == "input":
        np.negative(table[:, 1:], out=table[:, 1:])
    f_input, f_baseline = (end.cpu().double() for end in series.ends())
    return HarsanyiEffects(
        values=torch.from_numpy(table),
        names=game.names,
        frame=series.frame,
        delta=f_input - f_baseline,
        f_input=f_input,
        f_baseline=f_baseline,
        diagnostics=dict(game.diagnostics),
    )

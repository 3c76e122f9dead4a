"""All J(S) of a game that is already bound: what the Taylor effects are held against."""

from __future__ import annotations

import torch

from taylorattr.aliases import Frame
from taylorattr.autodiff.game import Game
from taylorattr.autodiff.masking import CoalitionValues
from taylorattr.effects.coalition_rows import CoalitionRows
from taylorattr.effects.harsanyi_effects import HarsanyiEffects
from taylorattr.maths.mobius import mobius_


def exact_effects(game: Game, frame: Frame) -> HarsanyiEffects:
    """Return all 2^n effects of every example, without error bounds, checkpoints or progress.

    Args:
        game: A bound game of few players.
        frame: ``baseline``, eq. (3), or ``input``, eq. (8).

    Returns:
        The full table.
    """
    rows = CoalitionRows(game.n, None, frame)
    masks = rows.block(0, rows.columns)
    table = torch.stack([CoalitionValues(game, example)(masks).cpu() for example in range(game.batch)])
    mobius_(table.numpy())
    if frame == "input":
        table[:, 1:].neg_()
    return HarsanyiEffects(
        values=table,
        names=game.names,
        frame=frame,
        delta=game.delta.cpu(),
        f_input=game.f_input.cpu(),
        f_baseline=game.f_baseline.cpu(),
        diagnostics=dict(game.diagnostics),
    )

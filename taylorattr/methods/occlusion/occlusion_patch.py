"""Occlusion-patch: what the output loses when a window of players goes to the baseline."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.errors import OptionError
from taylorattr.maths.windows import window_scores
from taylorattr.methods.method import Scores, method
from taylorattr.methods.occlusion.coalition_outputs import CoalitionOutputs, unchanged
from taylorattr.methods.occlusion.player_windows import WindowShape, player_windows

OVERLAPS = ("average", "shared")


@method("occlusion_patch", family="occlusion", integers=True)
def occlusion_patch(
    question: Question,
    *,
    window: WindowShape = None,
    stride: WindowShape = None,
    windows: Players | Sequence[Sequence[int | str]] | None = None,
    overlap: str = "average",
) -> Scores:
    """f(x) − f(x with a window at the baseline), given to the players in the window.

    a_i = Σ_{W∋i} c_{W,i} (v(N) − v(N∖W)), eq. (25). ``average``: c = 1/number of windows that contain i, so
    every player in a window is given all of it; ``shared``: c = 1/|W|, so a window's value is divided
    among its players. A player is given effects of its neighbours (it need not be part of an effect
    to get a share), docs/theory.md §4, row 7.

    Args:
        question: What is asked; as many outputs per example as there are windows.
        window: Shape of a window that slides over each input: an integer for the last two dimensions (the
            last, for vectors), or one size for each of the last dimensions; dimensions before those, as
            the channels of an image, are held whole. For several inputs a tuple with one shape each.
            None: a quarter of each side; with ``players=``, each player alone.
        stride: Step in each dimension, in the forms of ``window``, at most the window; None: the
            window itself, so that windows do not overlap. Windows are cut at the border.
        windows: Instead of a sliding shape, the windows themselves: ``ta.Players`` whose groups are windows
            of elements, or lists of players by name or number; they may overlap, differ in size
            and be in any place.
        overlap: ``average`` or ``shared``.

    Returns:
        Scores of the players.

    Raises:
        OptionError: If a window is larger than the input, leaves gaps, cuts through a player, or
            ``overlap`` is unknown.
        NonFiniteError: If an output is NaN or infinite.

    Source: Zeiler, Fergus (2014).
    """
    if overlap not in OVERLAPS:
        raise OptionError(f"overlap={overlap!r}; expected 'average' or 'shared', eq. (25)")
    game = question.game
    found, diagnostics = player_windows(game, window, stride, windows)

    def outside(start: int, stop: int) -> Tensor:
        return ~found.members(start, stop)

    with CoalitionOutputs(
        question.game, total=game.batch * len(found), show_progress=question.show_progress
    ) as outputs:
        without = outputs.table(outside, len(found))
    losses = game.f_input.double().cpu()[:, None] - without
    still = unchanged(game)
    cover = found.cover.numpy() if overlap == "average" else None
    scores = torch.zeros(game.batch, game.n, dtype=torch.float64)
    for part in found.blocks():
        held = found.members(part.start, part.stop)
        moved = (~still).double() @ held.T.double() > 0  # where nothing changes nothing is lost
        part_losses = torch.where(moved, losses[:, part], 0.0)
        sizes = found.sizes[part].clamp_min(1).numpy()
        scores += torch.from_numpy(window_scores(held.numpy(), part_losses.numpy(), cover, sizes))
    return Scores(players=scores, diagnostics=diagnostics | {"overlap": overlap})

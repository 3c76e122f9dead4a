"""Occlusion-1: what the output loses when one player goes to its baseline."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.coalition_outputs import CoalitionOutputs, unchanged
from taylorattr.analysis.question import Question
from taylorattr.methods.method import Scores, method


@method("occlusion_1", family="occlusion", integers=True)
def occlusion_1(question: Question) -> Scores:
    """f(x) − f(x with one player at its baseline), for each player.

    a_i = v(N) − v(N∖i) = Σ_{S∋i} J(S): every interaction is counted once for each of its members, so the
    scores do not add up to f(x) − f(b) where players interact; docs/theory.md §4, row 6.

    Args:
        question: What is asked; n outputs per example are evaluated.

    Returns:
        Scores of the players; exactly 0 for players whose input equals the baseline.

    Raises:
        NonFiniteError: If an output is NaN or infinite.

    Source: Zeiler, Fergus (2014), with one element in the place of a patch.
    """
    game = question.game

    def all_but_one(start: int, stop: int) -> Tensor:
        present = torch.ones(stop - start, game.n, dtype=torch.bool)
        present[torch.arange(stop - start), torch.arange(start, stop)] = False
        return present

    with CoalitionOutputs(
        question.game, total=game.batch * game.n, show_progress=question.show_progress
    ) as outputs:
        without = outputs.table(all_but_one, game.n)
        rows = outputs.rows
    scores = game.f_input.double().cpu()[:, None] - without
    diagnostics = {"outputs_per_example": game.n, "rows_per_call": rows}
    return Scores(players=scores.masked_fill(unchanged(game), 0), diagnostics=diagnostics)

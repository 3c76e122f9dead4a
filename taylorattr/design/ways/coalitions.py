"""Support-level rules from exact effects J(S) of all coalitions, or of those that get anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from taylorattr import memory
from taylorattr.aliases import Frame
from taylorattr.allocation.allocate import allocated
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.analysis.question import Question
from taylorattr.design.ways.rounding import rounding_error
from taylorattr.design.ways.sizes import SizeShares
from taylorattr.design.ways.way import Budget, Way
from taylorattr.effects.coalition_rows import CoalitionRows
from taylorattr.effects.effects import HarsanyiEffects
from taylorattr.maths.mobius import mobius_, truncated_mobius_
from taylorattr.maths.semivalues import amplification, semivalue_scores, weights_of
from taylorattr.maths.subsets import count_up_to
from taylorattr.methods.occlusion.coalition_outputs import CoalitionOutputs
from taylorattr.methods.scores import Scores

STEADY = 4.0
"""Marginal contributions are added up directly up to this amplification; beyond it effects are formed
first."""


@dataclass(frozen=True)
class CoalitionTable(Way):
    """a_i = Σ_S w_{i,S} J(S) from the outputs of coalitions: exact for every model, without derivatives.

    Args:
        rule: A support-level rule.
        largest: Size beyond which no coalition gets anything; None: all sizes.
        players: Most players for which it is taken unasked; None: any number.
    """

    rule: AllocationRule
    largest: int | None = None
    players: int | None = None

    name = "coalitions"

    @cached_property
    def shares(self) -> SizeShares:
        """The rule's shares by size."""
        return SizeShares(self.rule)

    @property
    def words(self) -> str:
        """Which coalitions."""
        which = (
            "all coalitions" if self.largest is None else f"all coalitions of at most {self.largest} players"
        )
        return f"exact effects of {which}"

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return that there are too many players, outputs or bytes."""
        n, batch = question.game.n, question.game.batch
        held = self._held(n)
        columns = 1 << n if held is None else count_up_to(n, held)
        if self.players is not None and n > self.players and not asked:
            return (
                f"{n} players, and more than {self.players} are sampled unless way='coalitions' is asked for"
            )
        if budget.max_evaluations is not None and batch * columns > budget.max_evaluations:
            return (
                f"{columns:,} coalitions for each of {batch} example(s) are more than "
                f"max_evaluations={budget.max_evaluations:,}"
            )
        needed, free = 4 * 8 * columns, memory.available()
        return (
            ""
            if needed <= free
            else f"the effects take {needed >> 30:,} GiB, and {free >> 30:,} GiB may be used"
        )

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the weighted sums of effects."""
        game = question.game
        held = self._held(game.n)
        frame: Frame = self.rule.frames[0]
        weights = self._marginal_weights(game.n, held, context)
        rows = CoalitionRows(game.n, held, frame if weights is None else "baseline")
        receivers = self.rule.receiver_names(game.names, context)
        scores = np.empty((game.batch, len(receivers)))
        with CoalitionOutputs(
            question.game, fold=True, total=game.batch * rows.columns, show_progress=question.show_progress
        ) as outputs:
            for part, outcomes in outputs(rows.block, rows.columns):
                table = outcomes.numpy()
                _settle_ends(table, question, part, rows)
                if weights is not None:
                    scores[part] = semivalue_scores(table, weights)
                else:
                    scores[part] = self._from_effects(table, question, part, held, frame, context)
        form = "marginal contributions" if weights is not None else "effects"
        found = torch.from_numpy(scores)
        return Scores(
            players=found,
            names=None if self.rule.receivers is PLAYERS else receivers,
            diagnostics={
                "outputs_per_example": rows.columns,
                "summed_as": form,
                "error": rounding_error(game, found, self.rule.name),
            },
        )

    def _held(self, n: int) -> int | None:
        return None if self.largest is None or self.largest >= n else self.largest

    def _marginal_weights(self, n: int, held: int | None, context: Mapping[str, Any]) -> Any:
        """Return p_t where the rule is a semivalue that adds up without cancellation, else None."""
        if held is not None or self.rule.receivers is not PLAYERS:
            return None
        shares, _ = self.shares(n, context)
        if shares is None:
            return None
        weights = weights_of(shares)
        if self.rule.frames[0] == "input":
            weights = weights[::-1]  # seen from x, T stands for the players that have been taken away
        return weights if amplification(weights) <= STEADY else None

    def _from_effects(
        self,
        table: np.ndarray,
        question: Question,
        part: slice,
        held: int | None,
        frame: Frame,
        context: Mapping[str, Any],
    ) -> np.ndarray:
        game = question.game
        effects = mobius_(table) if held is None else truncated_mobius_(table, game.n, held)
        if frame == "input":
            np.negative(effects[:, 1:], out=effects[:, 1:])
        f_input, f_baseline = (end.double().cpu()[part] for end in (game.f_input, game.f_baseline))
        found = HarsanyiEffects(
            values=torch.from_numpy(effects),
            names=game.names,
            frame=frame,
            delta=f_input - f_baseline,
            f_input=f_input,
            f_baseline=f_baseline,
            max_order=held,
        )
        return allocated(self.rule, found, context)


def _settle_ends(table: np.ndarray, question: Question, part: slice, rows: CoalitionRows) -> None:
    """Put f(b) and f(x), which the gap is measured against, where they stand in the table."""
    game = question.game
    empty, full = (end.double().cpu().numpy()[part] for end in (game.f_baseline, game.f_input))
    first, last = (full, empty) if rows.frame == "input" else (empty, full)
    table[:, 0] = first
    if rows.max_order is None:
        table[:, -1] = last

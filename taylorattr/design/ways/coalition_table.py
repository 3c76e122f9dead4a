"""Support-level rules from the outputs of all coalitions, or of those that get anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr import memory
from taylorattr.aliases import Frame
from taylorattr.allocation.allocate import allocated
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.analysis.coalition_outputs import CoalitionOutputs
from taylorattr.analysis.game import Game
from taylorattr.analysis.question import Question
from taylorattr.criteria.paper.algebra import treats_players_alike
from taylorattr.design.ways.interface import LARGEST_QUIET_ERROR, Budget, Way
from taylorattr.effects.coalition_rows import CoalitionRows
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.errors import PrecisionWarning, warn
from taylorattr.maths.mobius import mobius_, truncated_mobius_
from taylorattr.maths.semivalues import amplification, semivalue_scores, weights_of
from taylorattr.maths.subsets import count_up_to
from taylorattr.methods.scores import Scores

LARGEST_STEADY_AMPLIFICATION = 4.0
"""Marginal contributions are added up directly up to this amplification; beyond it effects are formed
first."""


@dataclass(frozen=True)
class EveryCoalition(Way):
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
        largest = self._largest(n)
        columns = 1 << n if largest is None else count_up_to(n, largest)
        if self.players is not None and n > self.players and not asked:
            return (
                f"{n} players, and more than {self.players} are sampled unless way='coalitions' is asked for"
            )
        if budget.max_evaluations is not None and batch * columns > budget.max_evaluations:
            return (
                f"{columns:,} coalitions for each of {batch} example(s) are more than "
                f"max_evaluations={budget.max_evaluations:,}"
            )
        # outputs, effects, and the two products that the weighted sum forms, in float64
        needed = 4 * 8 * columns
        free = memory.available(needed)
        return (
            ""
            if needed <= free
            else f"the effects take {memory.in_words(needed)}, and {memory.in_words(free)} may be used"
        )

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the weighted sums of effects."""
        game = question.game
        largest = self._largest(game.n)
        frame: Frame = self.rule.frames[0]
        weights = self._marginal_weights(game.n, largest, context)
        rows = CoalitionRows(game.n, largest, frame if weights is None else "baseline")
        receivers = self.rule.receiver_names(game.names, context)
        scores = np.empty((game.batch, len(receivers)))
        with CoalitionOutputs(
            game, fold=True, total=game.batch * rows.columns, show_progress=question.show_progress
        ) as outputs:
            for part, outcomes in outputs(rows.block, rows.columns):
                table = outcomes.numpy()
                _settle_ends(table, question, part, rows)
                if weights is not None:
                    scores[part] = semivalue_scores(table, weights)
                else:
                    scores[part] = self._from_effects(table, question, part, largest, frame, context)
        form = "marginal contributions" if weights is not None else "effects"
        players = torch.from_numpy(scores)
        return Scores(
            players=players,
            names=None if self.rule.receivers is PLAYERS else receivers,
            diagnostics={
                "outputs_per_example": rows.columns,
                "summed_as": form,
                "error": rounding_error(game, players, self.rule.name),
            },
        )

    def _largest(self, n: int) -> int | None:
        """Return the largest size of a coalition in the table of n players; None: all 2^n are."""
        return None if self.largest is None or self.largest >= n else self.largest

    def _marginal_weights(self, n: int, largest: int | None, context: Mapping[str, Any]) -> Any:
        """Return p_t where the rule is a semivalue that adds up without cancellation, else None."""
        if largest is not None or self.rule.receivers is not PLAYERS:
            return None
        shares, _ = self.shares(n, context)
        if shares is None:
            return None
        weights = weights_of(shares)
        if self.rule.frames[0] == "input":
            weights = weights[::-1]  # seen from x, T stands for the players that have been taken away
        return weights if amplification(weights) <= LARGEST_STEADY_AMPLIFICATION else None

    def _from_effects(
        self,
        table: np.ndarray,
        question: Question,
        part: slice,
        largest: int | None,
        frame: Frame,
        context: Mapping[str, Any],
    ) -> np.ndarray:
        """Return Σ_S w_S J(S) of some examples from their outputs, shape (examples, receivers)."""
        game = question.game
        effects = mobius_(table) if largest is None else truncated_mobius_(table, game.n, largest)
        if frame == "input":
            np.negative(effects[:, 1:], out=effects[:, 1:])
        f_input, f_baseline = (end.double().cpu()[part] for end in (game.f_input, game.f_baseline))
        table_of_effects = HarsanyiEffects(
            values=torch.from_numpy(effects),
            names=game.names,
            frame=frame,
            delta=f_input - f_baseline,
            f_input=f_input,
            f_baseline=f_baseline,
            max_order=largest,
        )
        return allocated(self.rule, table_of_effects, context)


def _settle_ends(table: np.ndarray, question: Question, part: slice, rows: CoalitionRows) -> None:
    """Put f(b) and f(x), which the gap is measured against, where they stand in the table."""
    game = question.game
    empty, full = (end.double().cpu().numpy()[part] for end in (game.f_baseline, game.f_input))
    first, last = (full, empty) if rows.frame == "input" else (empty, full)
    table[:, 0] = first
    if rows.max_order is None:
        table[:, -1] = last


LARGEST_FIRST_SIZE = 3
"""Size up to which coalitions are looked at first, in floating point."""

LARGEST_ROUNDING = 1e-9
"""Relative difference of two shares that is no rounding."""

DRAWN_OF_EACH_SIZE = 6
"""Coalitions of each size that are compared where symmetry does not show in the formula."""


class SizeShares:
    """The shares of a rule by size, worked out once for each number of players and context.

    Args:
        rule: A support-level rule.
    """

    def __init__(self, rule: AllocationRule) -> None:
        self.rule = rule
        self._known: dict[Any, tuple[list[Fraction] | None, str]] = {}

    def __call__(self, n: int, context: Mapping[str, Any]) -> tuple[list[Fraction] | None, str]:
        """Return what `size_shares` returns."""
        values = ((name, tuple(np.asarray(v, dtype=object).reshape(-1))) for name, v in context.items())
        key = (n, tuple(values))
        if key not in self._known:
            self._known[key] = size_shares(self.rule, n, context)
        return self._known[key]


def size_shares(
    rule: AllocationRule, n: int, context: Mapping[str, Any]
) -> tuple[list[Fraction] | None, str]:
    """Return w_1 … w_n of a rule Σ_{S∋i} w_{|S|} J(S), or None and why it is none.

    Args:
        rule: A support-level rule.
        n: Number of players.
        context: Its attributes.
    """
    firsts = np.tri(n, dtype=np.int64)  # the first s players, s = 1 … n
    proved = (
        rule.evaluator is None
        and treats_players_alike(rule)
        and all(not need.axes for need in rule.needs.values())
    )
    if not proved and not _alike(rule, n, context):
        return None, "it does not look at the size of a coalition alone"
    coalitions = firsts if proved else np.concatenate([firsts, _drawn(n, n)])
    ratios = rule.exact_ratios(coalitions, context)
    shares: list[Fraction | None] = [None] * n
    for coalition, row in zip(coalitions, ratios, strict=True):
        size = int(coalition.sum())
        inside = {share for share, member in zip(row, coalition, strict=True) if member}
        outside = {share for share, member in zip(row, coalition, strict=True) if not member}
        if outside - {Fraction(0)}:
            return None, "it gives something to players outside a coalition"
        if len(inside) > 1 or shares[size - 1] not in (None, *inside):
            return None, "it does not look at the size of a coalition alone"
        shares[size - 1] = inside.pop()
    return [share for share in shares if share is not None], ""


def _alike(rule: AllocationRule, n: int, context: Mapping[str, Any]) -> bool:
    """Return whether members of small coalitions get alike, in floating point: quick where they do not."""
    coalitions = _drawn(n, min(n, LARGEST_FIRST_SIZE))
    ratios = rule.ratios(coalitions, context)
    for size in range(1, min(n, LARGEST_FIRST_SIZE) + 1):
        inside = ratios[coalitions.sum(axis=1) == size][coalitions[coalitions.sum(axis=1) == size] > 0]
        if np.ptp(inside) > LARGEST_ROUNDING * np.abs(inside).max():
            return False
    return True


def _drawn(n: int, largest: int) -> np.ndarray:
    """Return coalitions of 1 … largest players, shape (M, n)."""
    generator = np.random.default_rng(0)
    sizes = np.repeat(np.arange(1, largest + 1), DRAWN_OF_EACH_SIZE)
    ranks = generator.permuted(np.tile(np.arange(n), (len(sizes), 1)), axis=1)
    return (ranks < sizes[:, None]).astype(np.int64)


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
    if float(relative[worst]) > LARGEST_QUIET_ERROR:
        share = float(relative[worst])
        warn(
            f"{name}: outputs of {float(top[worst]):.3g} are rounded by {share:.2g} of Σ|scores| in example "
            f"{worst}, so the scores are no better; use dtype=torch.float64, or leave a constant out of the "
            "output",
            PrecisionWarning,
        )
    return {"what": "rounding of the outputs, over Σ|scores|", "relative": relative.tolist()}

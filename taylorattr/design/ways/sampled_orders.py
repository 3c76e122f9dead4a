"""Support-level rules for many players: marginal contributions along random orders, without bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.analysis.coalition_outputs import CoalitionOutputs
from taylorattr.analysis.question import Question
from taylorattr.design.ways.coalition_table import SizeShares
from taylorattr.design.ways.interface import Budget, Way
from taylorattr.errors import PrecisionWarning, require_repetitions, warn
from taylorattr.maths.permutations import chain_members, contributions, paired_ranks
from taylorattr.maths.running_mean import RunningMean
from taylorattr.maths.semivalues import amplification, size_weights, weights_of
from taylorattr.methods.scores import Scores

USUAL_ORDERS = 100
"""Orders that are drawn where nothing is said."""

MOST_TIMES_WITH_TOLERANCE = 100
"""With a tolerance and no number, up to this many times the default are drawn."""

FEWEST_ORDERS = 30
"""Draws before a standard error is believed."""

LARGEST_NOISE = 50.0
"""Amplification beyond which samples say nothing: weights of alternating sign that cancel."""

BLOCK_BYTES = 32 * 2**20
"""Memory of the marginal contributions that are formed at a time."""

FOLDED_PLAYERS = 20
"""Up to this many players outputs of coalitions are kept: beyond, random ones hardly ever come twice."""

Draw = Callable[[np.random.Generator, int, int, Mapping[str, Any]], np.ndarray]
"""Generator, number of players, number of orders, context -> when each player joins, shape (orders, n),
int64."""


@dataclass(frozen=True)
class SampledOrders(Way):
    """The mean over random orders of q_{t} (v(T∪i) − v(T)), T the players before i and t their number.

    With orders from a distribution of their own and q = 1, the effect of S goes to the member that joins
    last, so i gets P(i is last in S) of it. With uniform orders and q_t = n C(n−1, t) p_t it is the semivalue
    of p, eq. (63).

    Args:
        rule: The rule that is estimated.
        draw: Orders; None: uniform ones, each with its reverse, with the weights of the rule's sizes.
    """

    rule: AllocationRule
    draw: Draw | None = None

    name = "samples"

    @cached_property
    def shares(self) -> SizeShares:
        """The rule's shares by size."""
        return SizeShares(self.rule)

    @property
    def words(self) -> str:
        """Which orders."""
        whose = "random orders" if self.draw is None else "random orders of the rule"
        return f"marginal contributions along {whose}, unbiased"

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return that the rule has no such form, or that its samples would only be noise."""
        if self.rule.receivers is not PLAYERS:
            return "no sampling: coalitions receive, not players"
        if self.draw is not None:
            return ""
        shares, reason = self.shares(question.game.n, context)
        if shares is None:
            return f"no sampling: {reason}"
        noise = amplification(weights_of(shares))
        if noise > LARGEST_NOISE and not asked:
            return f"no sampling: weights of alternating sign amplify the scatter {noise:.3g} times"
        return ""

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return means with their standard errors."""
        samples, tol = budget.samples, budget.tol
        require_repetitions("samples", samples, 2, optional=True)  # orders; one has no standard error
        game = question.game
        n, generator = game.n, np.random.default_rng(question.seed % 2**63)
        weights = None if self.draw is not None else self._weights(n, context)
        most = (
            USUAL_ORDERS * (1 if tol is None else MOST_TIMES_WITH_TOLERANCE) if samples is None else samples
        )
        paired = self.draw is None
        # an order and its reverse are one draw: their errors in opposite directions cancel
        most = -(-most // 2) if paired else most
        empty, full = (end.double().cpu().numpy() for end in (game.f_baseline, game.f_input))
        mean = RunningMean()
        with CoalitionOutputs(
            game, fold=n <= FOLDED_PLAYERS, show_progress=question.show_progress
        ) as outputs:
            at_once = max(1, BLOCK_BYTES // (16 * n * max(game.batch, 1)))
            at_once = min(at_once, max(FEWEST_ORDERS, 16 * outputs.rows // (2 * n)))
            while mean.count < most:
                ranks = self._ranks(generator, n, min(at_once, most - mean.count), context)
                chain = outputs.table(_chain(ranks), len(ranks) * (n - 1)).numpy()
                gains = contributions(chain, ranks, empty, full)
                if weights is not None:
                    gains = gains * weights[ranks]
                if paired:
                    gains = gains.reshape(game.batch, -1, 2, n).mean(2)
                mean.add(gains.swapaxes(0, 1))
                if tol is not None and mean.count >= FEWEST_ORDERS and _relative_error(mean) <= tol:
                    break
        return self._answer(mean, tol, 2 * mean.count if paired else mean.count, n)

    def _answer(self, mean: RunningMean, tol: float | None, orders: int, n: int) -> Scores:
        """Return the means with their standard errors, warning where a tolerance is not met."""
        error = _relative_error(mean)
        if tol is not None and error > tol:
            warn(
                f"{self.rule.name}: the largest standard error is {error:.2g} of Σ|scores|, above "
                f"tol={tol:g}, after {orders} orders; allow more with samples=, or loosen tol",
                PrecisionWarning,
            )
        return Scores(
            players=torch.from_numpy(mean.mean),
            standard_errors=torch.from_numpy(mean.error),
            diagnostics={
                "orders": orders,
                "outputs_per_example": orders * (n - 1),
                "error": {
                    "what": "standard error, the largest over Σ|scores|",
                    "relative": error,
                    "tol": tol,
                },
            },
        )

    def _weights(self, n: int, context: Mapping[str, Any]) -> np.ndarray:
        """Return n C(n−1, t) p_t for t = 0 … n−1, by which marginal contributions are weighted."""
        shares, _ = self.shares(n, context)
        assert shares is not None  # the obstacle was looked at
        weights = weights_of(shares)
        if self.rule.frames[0] == "input":
            weights = weights[::-1]  # seen from x, t counts the players that have been taken away
        return np.array([float(q) for q in size_weights(weights)])

    def _ranks(
        self, generator: np.random.Generator, n: int, count: int, context: Mapping[str, Any]
    ) -> np.ndarray:
        """Return when each player joins, shape (count, n)."""
        if self.draw is None:
            return paired_ranks(generator, n, count)
        ranks = self.draw(generator, n, count, context)
        # an OR-effect, seen from x, is there as soon as the first of its players is
        return n - 1 - ranks if self.rule.frames[0] == "input" else ranks


def _chain(ranks: np.ndarray) -> Callable[[int, int], torch.Tensor]:
    """Return start, stop -> those of the coalitions that the orders pass through, ∅ and all left out."""
    return lambda start, stop: torch.from_numpy(chain_members(ranks, start, stop))


def _relative_error(mean: RunningMean) -> float:
    """Return the largest standard error over Σ|scores| of its example, the largest of all examples."""
    size = np.abs(mean.mean).sum(axis=1)
    worst = mean.error.max(axis=1)
    return float(np.divide(worst, size, out=np.where(worst > 0, np.inf, 0.0), where=size > 0).max())

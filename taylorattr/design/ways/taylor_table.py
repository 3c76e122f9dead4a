"""Term-level rules from a table of Taylor effects, with what the order leaves out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.allocation.allocate import allocated
from taylorattr.allocation.rule import AllocationRule
from taylorattr.analysis.question import Question
from taylorattr.design.ways.interface import LARGEST_QUIET_ERROR, Budget, Way
from taylorattr.effects.taylor import decompose
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import PrecisionWarning, warn
from taylorattr.maths.multi_index import count_up_to
from taylorattr.methods.scores import Scores

ORDER_BY_PLAYERS = ((12, 6), (24, 4), (64, 3))
"""Up to so many players the table goes up to that order by default; beyond, to order 2."""

MOST_TERMS = 2_000_000
"""Terms of a table that is made unasked."""


@dataclass(frozen=True)
class TaylorTable(Way):
    """a_i = Σ_{|κ|≤K} w_i(κ) I(κ), exact where the rule gives nothing to higher terms.

    Else what higher orders add is estimated.

    Args:
        rule: The rule.
        last: Largest |κ| that gets anything; None: every order does.
    """

    rule: AllocationRule
    last: int | None = None

    name = "terms"

    @property
    def words(self) -> str:
        """Which terms."""
        return "Taylor effects" + (f" up to order {self.last}, all that get anything" if self.last else "")

    def order(self, n: int, budget: Budget) -> int:
        """Return K."""
        if budget.order is not None:
            return budget.order
        if self.last is not None:
            return self.last
        usual = next((order for players, order in ORDER_BY_PLAYERS if n <= players), 2)
        return usual if self.rule.reach is None else min(usual, self.rule.reach)

    def obstacle(
        self, question: Question, budget: Budget, context: Mapping[str, Any], asked: bool = False
    ) -> str:
        """Return that the table would be too large."""
        n = question.game.n
        order = self.order(n, budget)
        terms = count_up_to(n, order)
        if terms > MOST_TERMS and not asked:
            return (
                f"order {order} of {n} players has {terms:,} terms; group them with players=, or lower order="
            )
        if not all(x.is_floating_point() for x in question.game.inputs):
            return "integer inputs have no Taylor series"
        return ""

    def scores(self, question: Question, budget: Budget, context: Mapping[str, Any]) -> Scores:
        """Return the weighted sums of terms; a warning says where they are not to be trusted."""
        game = question.game
        order = self.order(game.n, budget)
        effects = decompose(
            question.model,
            game.inputs,
            game.baselines,
            target=question.target,
            order=order,
            players=game.players,
            frame=self.rule.frames[0],
            additional_forward_args=question.additional_forward_args,
            with_tails=False,
            seed=question.seed,
            internal_batch_size=question.internal_batch_size,
            show_progress=question.show_progress,
        )
        scores = torch.from_numpy(allocated(self.rule, effects, context))
        whole = self.last is not None and order >= self.last
        tail = torch.zeros(game.batch) if whole else self._tail(effects, context)
        size = scores.abs().sum(1)
        left = torch.where(tail == 0, tail, tail / size)
        trusted = [
            whole or (bool(c) and float(e) <= LARGEST_QUIET_ERROR)
            for c, e in zip(effects.converged, left, strict=True)
        ]
        self._say(trusted, effects, left, order)
        return Scores(
            players=scores,
            diagnostics={
                "order": order,
                "terms": effects.values.shape[1],
                "trusted": trusted,
                "reasons": list(effects.reasons),
                "remainder_of_the_series": effects.remainder.tolist(),
                "error": {
                    "what": "none: higher terms get nothing"
                    if whole
                    else "estimate of what higher orders add, continued from the last orders, over Σ|scores|",
                    "relative": left.tolist(),
                },
            },
        )

    def _tail(self, effects: TaylorEffects, context: Mapping[str, Any]) -> Tensor:
        """Return Σ_{m>K} of the weighted sizes of the orders, estimated from the last ones, (B,)."""
        kappas = effects.multi_indices
        weights = np.abs(self.rule.ratios(kappas, context)).sum(axis=1)
        sizes = np.abs(effects.values.double().cpu().numpy()) * weights
        orders = kappas.sum(axis=1)
        by_order = np.stack([sizes[:, orders == m].sum(axis=1) for m in range(1, effects.order + 1)], axis=1)
        return torch.tensor([_continued(row) for row in by_order], dtype=torch.float64)

    def _say(self, trusted: list[bool], effects: TaylorEffects, left: Tensor, order: int) -> None:
        """Warn of the first example whose series does not converge, or whose orders do not fall."""
        bad = [example for example, fine in enumerate(trusted) if not fine]
        if not bad:
            return
        worst = bad[0]
        why = (
            effects.reasons[worst] if not bool(effects.converged[worst]) else "the last orders are not small"
        )
        warn(
            f"{self.rule.name}: the terms up to order {order} are not enough for {len(bad)} example(s); "
            f"example {worst}: {why}; {_left(float(left[worst]))}. Raise order=, move the baseline closer, "
            "or design a support-level or path rule, which needs no series",
            PrecisionWarning,
        )


def _continued(sizes: np.ndarray) -> float:
    """Return Σ_{m>K} of sizes of the orders 1 … K, continued as a geometric series; infinite if it rises.

    With ratio q = top/before that is top·(q + q² + …) = top²/(before − top). Odd and even orders are taken
    together: of an odd function every second one vanishes.
    """
    if not sizes[-2:].any():
        return 0.0  # two orders in a row vanish: a polynomial
    if len(sizes) < 2:
        return math.inf
    if len(sizes) >= 4:
        top, before = float(sizes[-2:].sum()), float(sizes[-4:-2].sum())
    else:
        top, before = float(sizes[-1]), float(sizes[-2])
    return top * top / (before - top) if top < before else math.inf


def _left(share: float) -> str:
    """Return in words how much is left out."""
    if math.isinf(share):
        return "its orders do not fall, so nothing is known of what is left out"
    return f"what is left out is estimated at {share:.2g} of Σ|scores|"

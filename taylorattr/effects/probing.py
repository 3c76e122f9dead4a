"""Which rays of which example are probed, in which order, and when an example's verdict is decided.

All examples are probed together, stage by stage; one whose verdict is decided is left out of what follows:

1. kinks that switch between the expansion point and the far ends, of all players and of each alone;
2. the ray from end to end;
3. the ray of each player alone;
4. seeded coalitions;
5. kinks that switch, and switch back, on the way from end to end.

The ray from end to end is walked to `convergence.ORDER`. Where it comes to its end at a low order, others are
walked to that order first, and further only where they do not come to theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import blocks
from taylorattr.effects import convergence
from taylorattr.effects.convergence import Kinks, Ray
from taylorattr.effects.series import TaylorSeries, bits
from taylorattr.maths.subsets import to_coalition

SHARE_BYTES = 64 * 2**20
"""Examples are probed together while the players' shares in their rays fit this: a number and a bit each."""


def verdicts(
    series: TaylorSeries, effects: Sequence[Tensor], sizes: Tensor, seed: int, *, every_kink: bool = False
) -> list[dict[str, Any]]:
    """Return for every example whether its series is trusted, why, and what was looked at.

    Args:
        series: The series.
        effects: I(κ) by order, one tensor (B, C(n+m−1, m)) each, on the CPU.
        sizes: Σ_{|κ|=m} |I(κ)|, shape (B, K).
        seed: Seed of the coalitions.
        every_kink: Whether kinks on the way are looked for even where the verdict is decided without.

    Returns:
        One JSON-able dictionary per example: ``converged``, ``reason``, ``kinks``, the ``rays`` that were
        walked, and whether the verdict was ``decided_early``: of what would have come later nothing is known.
    """
    probe = _Probing(series, effects, sizes)
    probe.whole()
    probe.alone()
    probe.coalitions(seed)
    probe.way(every_kink)
    return [probe.verdict(e) for e in range(series.game.batch)]


class _Probing:
    """The examples of a series while they are probed.

    Attributes:
        kinks: What is known of the kinks of each.
        rays: Mask, radius, remainder, whether it passed, and order of the jet, for each ray of each.
        reasons: What speaks against the series of each, "" while nothing does.
        early: Whether the verdict was decided before the last rays.
        members: Players of the masks.
        first: Order at which the ray from end to end has come to its end.
    """

    def __init__(self, series: TaylorSeries, effects: Sequence[Tensor], sizes: Tensor) -> None:
        self.series, self.effects, self.sizes = series, effects, sizes.tolist()
        self.n, batch = series.game.n, series.game.batch
        self.kinks: list[Kinks | None] = series.kinks_at_ends()
        self.rays: list[list[tuple[int, float, float, bool, int]]] = [[] for _ in range(batch)]
        self.reasons = [
            self._reason(e) if series.walkable(e) else convergence.unprobed(self.kinks[e] is not None)
            for e in range(batch)
        ]
        self.members: dict[int, tuple[int, ...]] = {}
        self.early = [bool(why) for why in self.reasons]
        self.first = np.full(batch, convergence.ORDER)

    def whole(self) -> None:
        """Walk the ray from end to end."""
        far = self.series.ends()[0 if self.series.frame == "baseline" else 1].cpu().double().numpy()
        for some in self._parts(1):
            weights = torch.ones(len(some), self.n, dtype=self.series.dtype, device=self.series.game.device)
            jets = self.series.jets(some, weights, convergence.ORDER)
            self.first[some] = convergence.first_orders(jets, far[some], self.series.dtype)
            judged = convergence.judge_all(jets, far[some], self.series.dtype)
            self._take(some, [(1 << self.n) - 1] * len(some), judged, np.full(len(some), convergence.ORDER))

    def alone(self) -> None:
        """Walk the ray of each player alone; with more than 64 players, of those with the largest effects."""
        if self.n > 1:  # else it is the ray from end to end
            for some in self._parts(min(self.n, convergence.MOST_ALONE)):
                self._walk_alone(some)

    def _walk_alone(self, some: list[int]) -> None:
        chosen = [convergence.players_alone(self.effects[0][e].double().numpy()) for e in some]
        examples = [e for e, players in zip(some, chosen, strict=True) for _ in players]
        players = [i for own in chosen for i in own]
        present = torch.zeros(len(players), self.n, dtype=torch.bool)
        present[torch.arange(len(players)), torch.tensor(players, dtype=torch.int64)] = True
        ends = self.series.end_values(examples, present)

        def jets(rows: np.ndarray, order: int) -> np.ndarray:
            return self.series.jets_alone([examples[r] for r in rows], [players[r] for r in rows], order)

        self._walk(examples, [1 << i for i in players], ends, jets)

    def coalitions(self, seed: int) -> None:
        """Walk the rays of seeded coalitions."""
        masks = convergence.random_coalitions(self.n, seed)
        if masks:
            present = bits(masks, self.n)
            for some in self._parts(len(masks)):
                self._walk_coalitions(some, masks, present)

    def _walk_coalitions(self, some: list[int], masks: list[int], present: Tensor) -> None:
        examples = [e for e in some for _ in masks]
        ends = self.series.end_values(examples, present.repeat(len(some), 1))
        weights = present.to(self.series.dtype).to(self.series.game.device)

        def jets(rows: np.ndarray, order: int) -> np.ndarray:
            which = torch.from_numpy(rows % len(masks)).to(weights.device)
            return self.series.jets([examples[r] for r in rows], weights[which], order)

        self._walk(examples, masks * len(some), ends, jets)

    def way(self, every_kink: bool) -> None:
        """Look for kinks that switch, and switch back, between the ends."""
        open_ = set(self._open())
        unknown = [
            e for e, known in enumerate(self.kinks)
            if known is not None and (e in open_ or (every_kink and not known.path))
        ]  # fmt: skip
        for e, known in self.series.kinks_on_the_way(unknown, self.kinks).items():
            self.kinks[e] = known
            if e in open_:
                self.reasons[e] = self._reason(e)

    def verdict(self, e: int) -> dict[str, Any]:
        """Return what is said of an example."""
        kinks, why, early = self.kinks[e], self.reasons[e], self.early[e]
        members = self.members
        rays = [
            {
                "players": list(members[mask]),
                "radius": radius if np.isfinite(radius) else None,  # JSON has no infinity
                "remainder": remainder,
                "passed": passed,
                "order": order,
            }
            for mask, radius, remainder, passed, order in self.rays[e]
        ]
        trusted = f"all {len(rays)} probed rays have an estimated radius above {convergence.MARGIN}"
        return {
            "kinks": None if kinks is None else {**vars(kinks), "per_player": list(kinks.per_player)},
            "converged": not why,
            "reason": why or trusted,
            "rays": rays,
            "decided_early": early,
        }

    def _open(self) -> list[int]:
        return [e for e, why in enumerate(self.reasons) if not why]

    def _parts(self, rays: int) -> Iterator[list[int]]:
        """Yield the examples whose verdict is open, so many that the shares of all their rays fit."""
        some = self._open()
        for part in blocks(len(some), max(1, SHARE_BYTES // (9 * rays * self.n))):
            yield some[part]

    def _walk(self, examples: Sequence[int], masks: Sequence[int], ends: np.ndarray, jets: Any) -> None:
        """Walk rays to the first order of their example, and to the last where that does not suffice."""
        if not len(examples):
            return
        dtype, orders = self.series.dtype, self.first[examples]
        judged = convergence.Judged.empty(len(examples))
        for order in np.unique(orders[orders < convergence.ORDER]):
            rows = np.flatnonzero(orders == order)
            found = convergence.come_to_end(jets(rows, int(order)), ends[rows], dtype)
            judged = judged.replaced(rows, found)
            orders[rows[~found.passed]] = convergence.ORDER
        rest = np.flatnonzero(orders == convergence.ORDER)
        if len(rest):
            found = convergence.judge_all(jets(rest, convergence.ORDER), ends[rest], dtype)
            judged = judged.replaced(rest, found)
        self._take(examples, masks, judged, orders)

    def _take(
        self, examples: Sequence[int], masks: Sequence[int], judged: convergence.Judged, orders: np.ndarray
    ) -> None:
        """Write down judged rays, and the verdict where it is decided by them."""
        columns = (judged.radius, judged.remainder, judged.passed, orders)
        for e, mask, *ray in zip(examples, masks, *(column.tolist() for column in columns), strict=True):
            self.rays[e].append((mask, *ray))
        self.members |= {mask: to_coalition(mask) for mask in set(masks) - self.members.keys()}
        failed = {e for e, passed in zip(examples, judged.passed, strict=True) if not passed}
        for e in dict.fromkeys(examples):
            if e in failed or not convergence.falling(self.sizes[e]):
                self.reasons[e] = self._reason(e)
                self.early[e] = bool(self.reasons[e])

    def _reason(self, e: int) -> str:
        rays = [
            Ray(self.members[mask], radius, remainder, passed, order)
            for mask, radius, remainder, passed, order in self.rays[e]
        ]
        return convergence.reason(rays, self.sizes[e], self.kinks[e], self.series.game.names)

"""One example of an audit: ask, ask again, and turn the tables into numbers with their noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taylorattr.criteria.audit.bound_method import AuditedExample, Bound
from taylorattr.criteria.audit.coalitions import Reach
from taylorattr.criteria.audit.noise import (
    Interval,
    NoiseFloor,
    effect_noise,
    floor_of,
    noise_floor,
    sampled_deficit,
    sampled_effect_noise,
    sampled_leak,
    unbiased_rms,
)
from taylorattr.criteria.audit.score_tables import ScoreTable, Stability, effects, measure, stability
from taylorattr.criteria.audit.statistics import (
    ByOrder,
    Coverage,
    by_order,
    coverage,
    deficit,
    gaps,
    ratio,
    rms,
    size_of_change,
    size_of_scores,
)
from taylorattr.effects.result import Result

MOST_BYTES_OF_REPEATS = 512 * 2**20
"""Bytes that repeated tables of a stochastic method may take."""

SMALLEST_LEADING_MOVE = 0.1
"""Part of the largest change over the references at which a reference is told from one that is the input."""

MOST_SLOW_ROWS = 4000
"""Rows that a method which answers one row at a time is asked for in repeats that were not asked for."""


@dataclass
class ExampleNumbers:
    """What was found for one example; several references are pooled, their effects averaged (eq. 21).

    Attributes:
        tables: One per reference, of the mean over the repeats.
        stability: Of the first reference.
        repeats: How often everything was asked.
        deficit: With bounds.
        leak: With bounds.
        offset: With bounds.
        player_leak: Shape (n,).
        eta: Noise floor.
        floor: Below this nothing is called a defect.
        still: Whether the function does not move.
        J: Effects, (C,).
        A: Measured allocation, (n, C).
        coverage: Of the effects.
        orders: By order.
        agreement: Part of the mean square of the scores that repeats agree on; None where there are none.
        settings: ε, δ.
    """

    tables: list[ScoreTable]
    stability: Stability
    repeats: int
    deficit: Interval
    leak: Interval
    offset: Interval
    player_leak: np.ndarray
    eta: NoiseFloor
    floor: float
    still: bool
    J: np.ndarray
    A: np.ndarray
    coverage: Coverage
    orders: ByOrder
    agreement: float | None = None
    settings: dict[str, float] = field(default_factory=dict)


class Examination:
    """Asks a method about one example, and again where it is stochastic.

    The first of several references at which the function moves leads: what is asked of one reference only is
    asked there, and not at a reference that is the input itself.

    Args:
        bounds: The method bound to every reference.
        subjects: What it is bound to.
        reach: Which coalitions.
        seed: Of order and draws.
        rows: Rows per call, None: chosen from memory.
        progress: Called with the number of rows of each finished call.
    """

    def __init__(
        self,
        bounds: list[Bound],
        subjects: list[AuditedExample],
        reach: Reach,
        *,
        seed: int,
        rows: int | None,
        progress: Callable[[int], object] | None,
    ) -> None:
        self.reach, self.seed = reach, seed
        self._options: dict[str, Any] = {"rows": rows, "progress": progress}
        tables = [
            measure(bound, subject, reach.present, seed=seed, **self._options)
            for bound, subject in zip(bounds, subjects, strict=True)
        ]
        moves = [size_of_change(table.v) for table in tables]
        lead = next(r for r, move in enumerate(moves) if move >= SMALLEST_LEADING_MOVE * max(moves))
        order = [lead, *(r for r in range(len(tables)) if r != lead)]
        self.tables = [tables[r] for r in order]
        self.bounds, self.subjects = [bounds[r] for r in order], [subjects[r] for r in order]
        self.stability = stability(self.bounds[0], self.tables[0], seed=seed)
        self.draws = [table.a[None] for table in self.tables]

    @property
    def stochastic(self) -> bool:
        """Whether the method draws samples."""
        return self.tables[0].drawn or self.stability.stochastic

    def can_repeat(self, repeats: int) -> bool:
        """Whether the tables of that many repeats fit into memory, and into the time of a slow method."""
        rows = repeats * sum(len(table.v) for table in self.tables)
        if self.bounds[0].row_by_row and rows > MOST_SLOW_ROWS:
            return False
        return repeats * sum(table.a.nbytes for table in self.tables) <= MOST_BYTES_OF_REPEATS

    def repeat(self, repeats: int) -> None:
        """Ask until there are that many tables."""
        for r, (bound, subject) in enumerate(zip(self.bounds, self.subjects, strict=True)):
            known = self.draws[r]
            more = [
                measure(
                    bound,
                    subject,
                    self.reach.present,
                    seed=self.seed + k,
                    v=self.tables[r].v,
                    **self._options,
                ).a
                for k in range(len(known), repeats)
            ]
            self.draws[r] = np.concatenate([known, np.stack(more)]) if more else known

    def result(self) -> ExampleNumbers:
        """Return the numbers."""
        tables, repeats = self.tables, len(self.draws[0])
        for table, draws in zip(tables, self.draws, strict=True):
            table.a = draws.mean(axis=0) if repeats > 1 else draws[0]
        gap = np.concatenate([gaps(t.v, d)[:, 1:] for t, d in zip(tables, self.draws, strict=True)], axis=1)
        change = np.concatenate([t.v[1:] - t.v[0] for t in tables])
        v = np.concatenate([t.v for t in tables])
        a = np.concatenate([t.a for t in tables], axis=1)
        present = np.concatenate([t.present for t in tables])
        eps, delta = max(t.eps for t in tables), 0.0 if self.stochastic else self.stability.batch
        size, scores = rms(change), size_of_scores(a, present)
        J, A, sigma = self._effects(eps, delta)
        exact = self.reach.present[: self.reach.exact]
        leaks = self._leaks(scores)
        starts = np.concatenate([d[:, :, 0] for d in self.draws], axis=1)
        worst = max(leaks, key=lambda found: found.value)
        drawn_deficit, drawn_leak = self._drawn(gap, change, a, present)
        return ExampleNumbers(
            tables=tables,
            stability=self.stability,
            repeats=repeats,
            deficit=_wider(_root(gap, repeats).over(size), drawn_deficit),
            leak=_wider(worst, drawn_leak),
            offset=_root(starts, repeats).over(scores),
            player_leak=np.array([found.value for found in leaks]),
            eta=noise_floor(v, a, present, size, eps, delta),
            floor=floor_of(eps),
            still=size <= 64 * eps * rms(v),
            J=J,
            A=A,
            coverage=coverage(J, A, sigma),
            orders=by_order(J, A, exact),
            agreement=self._agreement() if repeats > 1 else None,
            settings={"eps": eps, "delta": delta},
        )

    def _agreement(self) -> float:
        """Return (mean square of the expected scores) / (mean square of the drawn ones), an upper bound."""
        flat = np.concatenate([d.reshape(len(d), -1) for d in self.draws], axis=1)
        return ratio(unbiased_rms(flat).high, rms(flat)) ** 2

    def _leaks(self, scores: float) -> list[Interval]:
        """Return the leak of each player."""
        found = []
        for i in range(self.reach.present.shape[1]):
            off = ~self.reach.present[:, i]
            found.append(
                _root(np.concatenate([d[:, i, off] for d in self.draws], axis=1), len(self.draws[0]))
            )
        return [interval.over(scores) for interval in found]

    def _effects(self, eps: float, delta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return J, A and σ(S), averaged over the references."""
        n, order, exact = self.reach.present.shape[1], self.reach.order, self.reach.exact
        J, A, sigma = [], [], []
        for table, draws in zip(self.tables, self.draws, strict=True):
            part = table.part(slice(0, exact))
            J.append(effects(part.v, n, order))
            noise = effect_noise(part.v, part.a, part.present, eps, delta, order)
            if len(draws) > 1:
                each = effects(draws[:, :, :exact], n, order)
                A.append(each.mean(axis=0))
                noise = noise + sampled_effect_noise(each, part.present)
            else:
                A.append(effects(part.a, n, order))
            sigma.append(noise)
        return np.mean(J, axis=0), np.mean(A, axis=0), np.mean(sigma, axis=0)

    def _drawn(
        self, gap: np.ndarray, change: np.ndarray, a: np.ndarray, present: np.ndarray
    ) -> tuple[Interval | None, Interval | None]:
        """Return deficit and leak over the coalitions drawn at random, with the interval of their draw."""
        if self.reach.drawn < 3:
            return None, None
        whole = len(self.reach.present)
        at = np.concatenate([np.arange(self.reach.exact, whole) + r * whole for r in range(len(self.tables))])
        at_gap = np.concatenate(
            [np.arange(self.reach.exact, whole) - 1 + r * (whole - 1) for r in range(len(self.tables))]
        )
        mean = gap.mean(axis=0)
        return (
            sampled_deficit(mean[at_gap], change[at_gap], self.seed),
            sampled_leak(a[:, at], present[at], self.seed),
        )


def _root(draws: np.ndarray, repeats: int) -> Interval:
    """Return the rms over columns: as it is, or without the noise of repeated rows."""
    if repeats > 1:
        return unbiased_rms(draws)
    value = rms(draws)
    return Interval(value, value, value)


def _wider(found: Interval, drawn: Interval | None) -> Interval:
    """Return the statistic of the coalitions drawn at random, at least as large as what was seen in all."""
    if drawn is None:
        return found
    return Interval(max(found.value, drawn.value), drawn.low, max(found.high, drawn.high))


COARSE_NODES = 32

NODE_FACTOR = 4

NUMERICAL_BELOW, STRUCTURAL_ABOVE = 0.6, 0.9

MOST_REFINED_ROWS = 128


@dataclass(frozen=True, eq=False)
class Refinement(Result):
    """Deficits with N and 4N nodes over the same coalitions.

    Attributes:
        nodes: N.
        coarse: Deficit with N.
        fine: Deficit with 4N.
        cause: ``numerical`` where the ratio is below 0.6, ``structural`` above 0.9, else ``unclear``.
        needed: Nodes at which the tolerance would be met, where the cause is numerical.
    """

    nodes: int
    coarse: float
    fine: float
    cause: str
    needed: int | None = None

    @property
    def sentence(self) -> str:
        """What to do."""
        more = NODE_FACTOR * self.nodes
        seen = f"deficit {self.coarse:.2g} with {self.nodes} nodes, {self.fine:.2g} with {more}"
        if self.cause == "numerical":
            return f"{seen}: numerical, use ≥ {self.needed} nodes"
        if self.cause == "structural":
            return f"{seen}: more nodes do not help, the defect is in the method"
        return f"{seen}: partly numerical; refine further"


def refinement(
    bound: Bound, subject: AuditedExample, present: np.ndarray, tol: float, nodes: int = COARSE_NODES
) -> Refinement | None:
    """Measure the deficit with N and 4N nodes.

    Args:
        bound: The method.
        subject: What it is bound to.
        present: Coalitions, ∅ first; at most 128 of them are looked at.
        tol: Tolerance that should be met.
        nodes: N.

    Returns:
        What was found; None where the method has no nodes.
    """
    coarse, fine = bound.refined(nodes), bound.refined(NODE_FACTOR * nodes)
    if coarse is None or fine is None:
        return None
    some = np.sort(np.random.default_rng(0).permutation(len(present) - 1)[: MOST_REFINED_ROWS - 1]) + 1
    chosen = present[np.concatenate([[0], some])]
    first = measure(coarse, subject, chosen)
    second = measure(fine, subject, chosen, v=first.v)
    return judged(nodes, deficit(first.v, first.a), deficit(second.v, second.a), tol)


def judged(nodes: int, coarse: float, fine: float, tol: float) -> Refinement:
    """Return the cause that two deficits point to."""
    if coarse == 0 or fine <= NUMERICAL_BELOW * coarse or max(coarse, fine) <= tol:
        rate = math.log(coarse / fine) / math.log(NODE_FACTOR) if coarse > 0 and fine > 0 else math.inf
        needed = NODE_FACTOR * nodes
        if fine > tol:
            needed = math.ceil(needed * (fine / tol) ** (1 / max(rate, 0.2)))
        elif coarse <= tol:
            needed = nodes
        return Refinement(nodes, coarse, fine, "numerical", needed)
    return Refinement(nodes, coarse, fine, "structural" if fine > STRUCTURAL_ABOVE * coarse else "unclear")

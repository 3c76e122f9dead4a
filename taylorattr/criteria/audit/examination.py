"""One example of an audit: ask, ask again, and turn the tables into numbers with their noise."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorattr.criteria.audit import statistics
from taylorattr.criteria.audit.bound_method import AuditedExample, Bound
from taylorattr.criteria.audit.coalitions import Reach, inclusion_probability, sampled_supports, subsets_of
from taylorattr.criteria.audit.noise import (
    Interval,
    NoiseFloor,
    effect_noise,
    floor_of,
    noise_floor,
    rms_of_draws,
    sampled_deficit,
    sampled_effect_noise,
    sampled_leak,
    share_of_mass,
    stands_still,
    support_effects,
    unbiased_rms,
)
from taylorattr.criteria.audit.score_tables import ScoreTable, Stability, effects, measure, stability
from taylorattr.criteria.audit.statistics import (
    ByOrder,
    Coverage,
    by_order,
    coverage,
    gaps,
    leaks,
    offset,
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

LARGEST_DRAWN_ORDER = 6
"""Supports of 6 players cost 64 rows each."""

COARSE_NODES = 32
"""N of a refinement."""

NODE_FACTOR = 4
"""How many times more nodes the fine quadrature has.

At a kink the error falls as 1/N on average, but with the place of the kink between two nodes: of 2N nodes it
may by chance not fall at all, of 4N it does. A defect of the method stays as large.
"""

NUMERICAL_BELOW, STRUCTURAL_ABOVE = 0.6, 0.9
"""Ratios of the fine deficit to the coarse one that say what causes it; a smooth integrand is far below."""

SLOWEST_RATE = 0.2
"""Power of N by which a deficit is taken to fall at least, where needed nodes are extrapolated."""

MOST_REFINED_ROWS = 128
"""Coalitions that are asked for with more nodes."""


@dataclass
class ExampleNumbers:
    """What was measured of one example; several references are pooled, their effects averaged (eq. 21).

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
        eps: ε: largest unit roundoff of inputs, f and scores.
        delta: δ: by how much answers differ in other batches, relative.
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
    agreement: float | None
    eps: float
    delta: float


class Examination:
    """Asks a method about one example, and again where it is stochastic.

    The first of several references at which the function moves leads: what is asked of one reference only is
    asked there, and not at a reference that is the input itself.

    Args:
        bounds: The method bound to every reference.
        audited: What it is bound to.
        reach: Which coalitions.
        seed: Of order and draws.
        rows: Rows per call, None: chosen from memory.
        progress: Called with the number of rows of each finished call.
    """

    def __init__(
        self,
        bounds: list[Bound],
        audited: list[AuditedExample],
        reach: Reach,
        *,
        seed: int,
        rows: int | None,
        progress: Callable[[int], object] | None,
    ) -> None:
        self.reach, self.seed = reach, seed
        self._calls: dict[str, Any] = {"rows": rows, "progress": progress}
        tables = [
            measure(bound, example, reach.present, seed=seed, **self._calls)
            for bound, example in zip(bounds, audited, strict=True)
        ]
        moves = [size_of_change(table.v) for table in tables]
        lead = next(r for r, move in enumerate(moves) if move >= SMALLEST_LEADING_MOVE * max(moves))
        order = [lead, *(r for r in range(len(tables)) if r != lead)]
        self.tables = [tables[r] for r in order]
        self.bounds, self.audited = [bounds[r] for r in order], [audited[r] for r in order]
        self.stability = stability(self.bounds[0], self.tables[0], seed=seed)
        self.draws = [table.a[None] for table in self.tables]  # each (repeats, n, C)

    @property
    def stochastic(self) -> bool:
        """Whether the method draws samples."""
        return self.tables[0].drawn or self.stability.stochastic

    @property
    def repeats(self) -> int:
        """How often every table has been measured."""
        return len(self.draws[0])

    def can_repeat(self, repeats: int) -> bool:
        """Whether the tables of that many repeats fit into memory, and into the time of a slow method."""
        rows = repeats * sum(len(table.v) for table in self.tables)
        if self.bounds[0].row_by_row and rows > MOST_SLOW_ROWS:
            return False
        return repeats * sum(table.a.nbytes for table in self.tables) <= MOST_BYTES_OF_REPEATS

    def repeat(self, repeats: int) -> None:
        """Ask until there are that many tables, each with a seed of its own."""
        for r, (bound, audited) in enumerate(zip(self.bounds, self.audited, strict=True)):
            known, v = self.draws[r], self.tables[r].v
            more = [
                measure(bound, audited, self.reach.present, seed=self.seed + k, v=v, **self._calls).a
                for k in range(len(known), repeats)
            ]
            self.draws[r] = np.concatenate([known, np.stack(more)]) if more else known

    def numbers(self) -> ExampleNumbers:
        """Return the statistics of what has been measured so far, with their noise."""
        tables = self.tables
        for table, draws in zip(tables, self.draws, strict=True):
            table.a = draws.mean(axis=0) if self.repeats > 1 else draws[0]
        # references side by side, as if their coalitions were one table; ∅ stands once for each
        gap = np.concatenate([gaps(t.v, d)[:, 1:] for t, d in zip(tables, self.draws, strict=True)], axis=1)
        change = np.concatenate([t.v[1:] - t.v[0] for t in tables])
        v = np.concatenate([t.v for t in tables])
        a = np.concatenate([t.a for t in tables], axis=1)
        present = np.concatenate([t.present for t in tables])
        # draws differ in every batch, which repeats measure already
        eps, delta = max(t.eps for t in tables), 0.0 if self.stochastic else self.stability.batch
        moves = rms(change)
        J, A, sigma = self._effects(eps, delta)
        player_leaks, at_baseline = self._leaks(a, present)
        deficit = rms_of_draws(gap).over(moves)
        leak = max(player_leaks, key=operator.attrgetter("value"))
        if self.reach.drawn > 2:  # x and one more have no spread
            drawn_deficit, drawn_leak = self._of_drawn_coalitions(gap, change, a, present)
            deficit, leak = _at_least(deficit, drawn_deficit), _at_least(leak, drawn_leak)
        return ExampleNumbers(
            tables=tables,
            stability=self.stability,
            repeats=self.repeats,
            deficit=deficit,
            leak=leak,
            offset=at_baseline,
            player_leak=np.array([leak.value for leak in player_leaks]),
            eta=noise_floor(v, a, present, moves, eps, delta),
            floor=floor_of(eps),
            still=stands_still(v, moves, eps),
            J=J,
            A=A,
            coverage=coverage(J, A, sigma),
            orders=by_order(J, A, self.reach.present[: self.reach.exact]),
            agreement=self._agreement() if self.repeats > 1 else None,
            eps=eps,
            delta=delta,
        )

    def _agreement(self) -> float:
        """Return (mean square of the expected scores) / (mean square of the drawn ones), an upper bound."""
        flat = np.concatenate([d.reshape(len(d), -1) for d in self.draws], axis=1)
        return ratio(unbiased_rms(flat).high, rms(flat)) ** 2

    def _leaks(self, a: np.ndarray, present: np.ndarray) -> tuple[list[Interval], Interval]:
        """Return the leak of each player, and the offset.

        Args:
            a: Scores of all references, mean over the repeats, shape (n, ΣC).
            present: Their coalitions, shape (ΣC, n).
        """
        if self.repeats == 1:
            return [Interval.exactly(leak) for leak in leaks(a, present)], Interval.exactly(
                offset(a, present)
            )
        scale = size_of_scores(a, present)
        each = []
        for i in range(len(a)):
            off = ~self.reach.present[:, i]
            each.append(unbiased_rms(np.concatenate([d[:, i, off] for d in self.draws], axis=1)).over(scale))
        starts = np.concatenate([d[:, :, 0] for d in self.draws], axis=1)
        return each, unbiased_rms(starts).over(scale)

    def _effects(self, eps: float, delta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return J, A and σ(S), averaged over the references."""
        n, order, exact = self.reach.present.shape[1], self.reach.order, self.reach.exact
        J, A, sigma = [], [], []
        for table, draws in zip(self.tables, self.draws, strict=True):
            v, a, present = table.v[:exact], table.a[:, :exact], table.present[:exact]
            J.append(effects(v, n, order))
            noise = effect_noise(v, a, present, eps, delta, order)
            if len(draws) > 1:
                each = effects(draws[:, :, :exact], n, order)
                A.append(each.mean(axis=0))
                noise = noise + sampled_effect_noise(each, present)
            else:
                A.append(effects(a, n, order))
            sigma.append(noise)
        return np.mean(J, axis=0), np.mean(A, axis=0), np.mean(sigma, axis=0)

    def _of_drawn_coalitions(
        self, gap: np.ndarray, change: np.ndarray, a: np.ndarray, present: np.ndarray
    ) -> tuple[Interval, Interval]:
        """Return deficit and leak over the coalitions drawn at random, with the interval of their draw.

        Args:
            gap: gap(T) of every repeat and reference without ∅, shape (repeats, Σ(C − 1)).
            change: v(T) − v(∅) likewise, shape (Σ(C − 1),).
            a: Scores, mean over the repeats, shape (n, ΣC).
            present: Their coalitions, shape (ΣC, n).
        """
        whole = len(self.reach.present)
        drawn, references = np.arange(self.reach.exact, whole), range(len(self.tables))
        at = np.concatenate([drawn + r * whole for r in references])
        at_without_empty = np.concatenate([drawn - 1 + r * (whole - 1) for r in references])
        mean = gap.mean(axis=0)
        return (
            sampled_deficit(mean[at_without_empty], change[at_without_empty], self.seed),
            sampled_leak(a[:, at], present[at], self.seed),
        )


def _at_least(of_all: Interval, of_drawn: Interval) -> Interval:
    """Return the statistic of the coalitions drawn at random, at least as large as what was seen in all.

    Those of low order are no random sample of all, so only the drawn ones bound from below.
    """
    return Interval(max(of_all.value, of_drawn.value), of_drawn.low, max(of_all.high, of_drawn.high))


def drawn_orders(
    bound: Bound, audited: AuditedExample, reach: Reach, supports: int, seed: int
) -> dict[str, Any]:
    """Return what was drawn at random, with the orders beyond those that were asked for in full.

    Args:
        bound: The method.
        audited: What it is bound to.
        reach: Which coalitions were asked for.
        supports: How many coalitions of each further order up to 6 are drawn; each costs 2^|S| rows.
        seed: Of the draws.

    Returns:
        ``masks``, ``contains`` (size -> chance that a draw contains given players), and for each order its
        number of supports, mean |J|, deficit and leak with bounds; empty where every coalition was asked for.
    """
    if reach.order is None:
        return {}
    n = reach.present.shape[1]
    sampled: dict[str, Any] = {
        "masks": reach.drawn - 1,
        "contains": {str(s): inclusion_probability(n, s) for s in range(1, min(n, 4) + 1)},
    }
    for order in range(reach.order + 1, min(LARGEST_DRAWN_ORDER, n) + 1) if supports else ():
        chosen = sampled_supports(n, order, supports, seed)
        table = measure(bound, audited, subsets_of(chosen, n), seed=seed)
        J, A = support_effects(table.v, table.a, chosen)
        on = np.zeros((len(chosen), n), dtype=bool)
        np.put_along_axis(on, chosen, True, axis=1)
        total, off = A.sum(axis=0), np.where(on.T, 0.0, np.abs(A)).sum(axis=0)
        population = math.comb(n, order)
        wrong, leaked = share_of_mass(total - J, J, population), share_of_mass(off, J, population)
        sampled[f"order {order}"] = {
            "supports": len(chosen),
            "mean_size": float(np.abs(J).mean()),
            "deficit": [wrong.value, wrong.low, wrong.high],
            "leak": [leaked.value, leaked.low, leaked.high],
        }
    return sampled


@dataclass(frozen=True, eq=False)
class Refinement(Result):
    """Deficits with N and 4N nodes over the same coalitions: coarse quadrature, or a small defect?

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
        deficits = f"deficit {self.coarse:.2g} with {self.nodes} nodes, {self.fine:.2g} with {more}"
        if self.cause == "numerical":
            return f"{deficits}: numerical, use ≥ {self.needed} nodes"
        if self.cause == "structural":
            return f"{deficits}: more nodes do not help, the defect is in the method"
        return f"{deficits}: partly numerical; refine further"


def refinement(
    bound: Bound, audited: AuditedExample, present: np.ndarray, tol: float, nodes: int = COARSE_NODES
) -> Refinement | None:
    """Measure the deficit with N and 4N nodes.

    Args:
        bound: The method.
        audited: What it is bound to.
        present: Coalitions, ∅ first; at most 128 of them are looked at.
        tol: Tolerance that should be met.
        nodes: N.

    Returns:
        Both deficits and what they point to; None where the method has no nodes.
    """
    coarse, fine = bound.refined(nodes), bound.refined(NODE_FACTOR * nodes)
    if coarse is None or fine is None:
        return None
    some = np.sort(np.random.default_rng(0).permutation(len(present) - 1)[: MOST_REFINED_ROWS - 1]) + 1
    chosen = present[np.concatenate([[0], some])]
    first = measure(coarse, audited, chosen)
    second = measure(fine, audited, chosen, v=first.v)
    return cause_of(nodes, statistics.deficit(first.v, first.a), statistics.deficit(second.v, second.a), tol)


def cause_of(nodes: int, coarse: float, fine: float, tol: float) -> Refinement:
    """Return the cause that deficits with N and 4N nodes point to, with the nodes that would be needed."""
    # within the tolerance with either, where the ratio may be that of two rounding errors
    if coarse == 0 or fine <= NUMERICAL_BELOW * coarse or max(coarse, fine) <= tol:
        rate = math.log(coarse / fine) / math.log(NODE_FACTOR) if coarse > 0 and fine > 0 else math.inf
        needed = NODE_FACTOR * nodes
        if fine > tol:
            needed = math.ceil(needed * (fine / tol) ** (1 / max(rate, SLOWEST_RATE)))
        elif coarse <= tol:
            needed = nodes
        return Refinement(nodes, coarse, fine, "numerical", needed)
    return Refinement(nodes, coarse, fine, "structural" if fine > STRUCTURAL_ABOVE * coarse else "unclear")

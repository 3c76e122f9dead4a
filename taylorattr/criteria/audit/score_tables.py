"""The tables of an audit: v(T) and a_i(T) over coalitions, measured in batches; eq. (52a)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.masking import CoalitionValues
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.criteria.audit.bound_method import AuditedExample, BatchScores, Bound
from taylorattr.criteria.audit.coalitions import masked_rows
from taylorattr.criteria.audit.statistics import ratio, rms
from taylorattr.maths.mobius import mobius_, truncated_mobius_

WIDEST_TENSOR_ELEMENTS = 16 * 2**20

MOST_ROWS_PER_CALL = 2048

VALUES_COMPARED = 24


@dataclass
class ScoreTable:
    """What was measured of one subject.

    Attributes:
        present: Coalitions T, shape (C, n), bool; ∅ first.
        v: f(x_T), shape (C,), float64.
        a: a_i(x_T), shape (n, C), float64.
        eps: Largest unit roundoff of inputs, f and scores.
        rows: Positions in the order in which they were asked for; the first call had `first` of them.
        first: Rows of the first call, which are asked for twice; 0: none are.
        norms: As in `BatchScores`, shape (C, 4), or None.
        smallest: Smallest element of each row, (C,), or None.
        off: Σ|a_e| over the elements at the baseline, (C,), or None.
        repeated: Whether all elements of each player carry the same score.
        drawn: Whether the method says that it draws samples.
        facts: What else the method said, per call.
    """

    present: np.ndarray
    v: np.ndarray
    a: np.ndarray
    eps: float
    rows: np.ndarray
    first: int
    norms: np.ndarray | None = None
    smallest: np.ndarray | None = None
    off: np.ndarray | None = None
    repeated: bool = False
    drawn: bool = False
    facts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of players."""
        return self.present.shape[1]

    def part(self, columns: slice | np.ndarray) -> ScoreTable:
        """Return the table of some of its coalitions; its first column must be ∅ again."""
        pick = {
            name: None if (whole := getattr(self, name)) is None else whole[columns]
            for name in ("norms", "smallest", "off")
        }
        return ScoreTable(
            self.present[columns],
            self.v[columns],
            self.a[:, columns],
            self.eps,
            self.rows,
            self.first,
            repeated=self.repeated,
            drawn=self.drawn,
            facts=self.facts,
            **pick,
        )


def rows_per_call(game: Game) -> int:
    """Return how many masked rows a call takes: the widest tensor of the model is bounded."""
    return int(min(max(WIDEST_TENSOR_ELEMENTS // max(game.scalar.widest, 1), 1), MOST_ROWS_PER_CALL))


def repeated_rows(count: int, most: int) -> int:
    """Return the size of the first call, which is made again: at most a tenth of all rows.

    Args:
        count: Rows altogether.
        most: Rows that the method is asked for twice, at most; 0: none, no call is made again.
    """
    return most and min(most, count, max(count // 10, 8))


def measure(
    bound: Bound,
    subject: AuditedExample,
    present: np.ndarray,
    *,
    seed: int = 0,
    rows: int | None = None,
    progress: Callable[[int], object] | None = None,
    v: np.ndarray | None = None,
) -> ScoreTable:
    """Ask for the scores of every coalition.

    Coalitions are asked for in a random order, so that every call sees coalitions of all kinds.

    Args:
        bound: The method.
        subject: What it is bound to.
        present: Coalitions, ∅ first, shape (C, n).
        seed: Of the order, and of a method that takes one.
        rows: Rows per call; None: chosen from memory.
        progress: Called with the number of rows of each finished call.
        v: f(x_T), where it is known.

    Returns:
        The table.
    """
    count = len(present)
    order = np.random.default_rng(seed).permutation(count)
    size = rows or rows_per_call(subject.game)
    first = min(repeated_rows(count, bound.repeated), size)
    calls = [order[:first]] if first else []
    calls += [order[first:][part] for part in blocks(count - first, size)]
    readings = []
    for positions in calls:
        readings.append(bound.read(present[positions], seed))
        if progress is not None:
            progress(len(positions))
    back = np.argsort(order)

    def whole(name: str) -> Any:
        parts = [getattr(reading, name) for reading in readings]
        return None if any(p is None for p in parts) else np.concatenate(parts)[back]

    if v is None:
        v = _values(subject, present, readings, calls, whole("values"))
    return ScoreTable(
        present=present,
        v=v,
        a=np.ascontiguousarray(whole("players").T),
        eps=max(reading.eps for reading in readings),
        rows=order,
        first=first,
        norms=whole("norms"),
        smallest=whole("smallest"),
        off=whole("off"),
        repeated=all(reading.repeated for reading in readings),
        drawn=any(reading.drawn for reading in readings),
        facts=[reading.facts for reading in readings if reading.facts],
    )


def _values(
    subject: AuditedExample,
    present: np.ndarray,
    readings: list[BatchScores],
    calls: list[np.ndarray],
    own: np.ndarray | None,
) -> np.ndarray:
    """Return f(x_T): what the method saw, where it agrees with the model on some rows; else by the model."""
    game, example = subject.game, subject.example
    if own is not None:
        some = calls[0][:VALUES_COMPARED]
        rows = masked_rows(game, present[some], example)
        with torch.no_grad():
            direct = game.scalar.values(rows, torch.full((len(some),), example)).cpu().double().numpy()
        assert readings[0].values is not None
        off = np.abs(readings[0].values[:VALUES_COMPARED] - direct).max()
        if off <= 1e4 * readings[0].eps * np.abs(direct).max():
            return own.astype(np.float64)
    masks = torch.from_numpy(present).to(game.device)
    return CoalitionValues(game, example)(masks).cpu().double().numpy()


def effects(table: np.ndarray, n: int, order: int | None) -> np.ndarray:
    """Return the Möbius transform of (…, C): full in bitmask order, or of all |T| ≤ order by size."""
    own = np.array(table, dtype=np.float64, order="C")
    return mobius_(own) if order is None else truncated_mobius_(own, n, order)


SMALL_BATCH = 3
"""Rows of a small batch."""


@dataclass(frozen=True)
class Stability:
    """How far answers to the same rows differ, relative to their rms.

    Attributes:
        batch: δ: the same rows in batches of 3.
        repeat: The first call made again.
        third: A third call against the second; None where the second agreed with the first.
        tolerance: 10√ε: less is rounding, by other kernels and other batches.
    """

    batch: float
    repeat: float
    third: float | None
    tolerance: float

    @property
    def stateful(self) -> bool:
        """Whether only the first call differs."""
        return self.repeat > self.tolerance and self.third is not None and self.third <= self.tolerance

    @property
    def stochastic(self) -> bool:
        """Whether every call differs."""
        return self.repeat > self.tolerance and not self.stateful

    @property
    def per_example(self) -> bool:
        """Whether a row's scores do not depend on what else is in the batch."""
        return self.stochastic or self.batch <= self.tolerance


def stability(bound: Bound, table: ScoreTable, *, seed: int = 0) -> Stability:
    """Ask again for the first call's rows, and for some rows three at a time.

    Args:
        bound: The method.
        table: What it answered.
        seed: As it was asked then.

    Returns:
        The differences. Of a method that says it draws samples nothing is asked: it is repeated anyway. One
        of this package, whose draws are seeded, is not asked the same twice.
    """
    tolerance = 10 * float(np.sqrt(2 * table.eps))
    if table.drawn:
        return Stability(0.0, 0.0, None, tolerance)
    repeat, third = 0.0, None
    if table.first:
        first = table.rows[: table.first]
        second = bound.read(table.present[first], seed).players.T
        repeat = _difference(table.a[:, first], second, table.a)
        if repeat > tolerance:
            again = bound.read(table.present[first], seed).players.T
            third = _difference(second, again, table.a)
    some = np.random.default_rng(seed + 1).permutation(len(table.rows))[: bound.compared]
    parts = [some[k : k + SMALL_BATCH] for k in range(0, len(some), SMALL_BATCH)]
    small = np.concatenate([bound.read(table.present[part], seed).players for part in parts]).T
    batch = _difference(table.a[:, some], small, table.a)
    return Stability(batch, repeat, third, tolerance)


def _difference(one: np.ndarray, two: np.ndarray, all_: np.ndarray) -> float:
    """Return rms(one − two) over the rms of the larger of these and everything."""
    return ratio(rms(one - two), max(rms(one), rms(all_)))


MOST_OUTPUT_ROWS = 256


def other_outputs(subject: AuditedExample, present: np.ndarray) -> np.ndarray | None:
    """Return all outputs of the model.

    Args:
        subject: Whose target is an int.
        present: Coalitions, shape (m, n); at most the first 256 are looked at.

    Returns:
        Shape (≤ 256, K); None where one output has no others beside it.
    """
    target = subject.target
    if not isinstance(target, int) or isinstance(target, bool):
        return None
    seen: list[Tensor] = []

    def whole(output: Any) -> Tensor:
        seen.append(output.detach())
        return output[:, target]

    game, rows = subject.game, masked_rows(subject.game, present[:MOST_OUTPUT_ROWS], subject.example)
    count = len(rows[0])
    extra = tuple(
        part.expand(count, *part.shape[1:]) if isinstance(part, Tensor) and part.ndim else part
        for part in subject.extra
    )
    scalar = ScalarModel(
        subject.model,
        rows,
        target=whole,
        additional_forward_args=extra or None,
        dtype=game.dtype,
        integers_allowed=True,
    )
    seen.clear()
    with torch.no_grad():
        for part in blocks(count, rows_per_call(game)):
            scalar.values(tuple(r[part] for r in rows), torch.arange(part.start, part.stop))
    outputs = torch.cat(seen)
    return outputs.cpu().double().numpy() if outputs.ndim == 2 and outputs.shape[1] > 1 else None

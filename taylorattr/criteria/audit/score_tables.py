"""The tables of an audit: v(T) and a_i(T) over coalitions, measured in batches; eq. (52a).

Besides the table a method is asked again for some of its rows, to see whether it gives one answer, and the
model for its other outputs, to see which one is explained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.masking import coalition_values
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.criteria.audit.bound_method import AuditedExample, BatchScores, Bound
from taylorattr.criteria.audit.coalitions import masked_rows
from taylorattr.criteria.audit.statistics import ratio, rms
from taylorattr.maths.mobius import mobius_, truncated_mobius_

WIDEST_TENSOR_BYTES = 16 * 2**20
"""What the widest tensor of the model may take in one call; methods keep several of that size."""

MOST_ROWS_PER_CALL = 2048
"""Rows of one call however narrow the model is: a method may keep much more than the model's tensors."""

ROWS_COMPARED = 24
"""Rows at which f as the method saw it is compared with f of the model."""

MOST_ROUNDOFFS_APART = 1e4
"""Unit roundoffs, of max|f|, up to which the two are the same function computed in another order."""

ROWS_OF_SMALL_BATCH = 3
"""Rows that are asked for together when it is looked at whether a batch matters."""

MOST_OUTPUT_ROWS = 256
"""Rows at which all outputs of the model are computed."""


@dataclass
class ScoreTable:
    """What was measured of one example.

    Attributes:
        present: Coalitions T, shape (C, n), bool; ∅ first.
        v: f(x_T), shape (C,), float64.
        a: a_i(x_T), shape (n, C), float64.
        eps: Largest unit roundoff of inputs, f and scores.
        order_asked: Columns in the order in which they were asked for.
        rows_of_first_call: So many of them were asked for first and are asked for twice; 0: none are.
        norms: As in `BatchScores`, shape (C, 4), or None.
        smallest: Smallest element of each row, (C,), or None.
        off: Σ|a_e| over the elements at the baseline, (C,), or None.
        repeated: Whether all elements of each player carry the same score.
        drawn: Whether the method says that it draws samples.
    """

    present: np.ndarray
    v: np.ndarray
    a: np.ndarray
    eps: float
    order_asked: np.ndarray
    rows_of_first_call: int
    norms: np.ndarray | None = None
    smallest: np.ndarray | None = None
    off: np.ndarray | None = None
    repeated: bool = False
    drawn: bool = False

    @property
    def n(self) -> int:
        """Number of players."""
        return self.present.shape[1]


def measure(
    bound: Bound,
    audited: AuditedExample,
    present: np.ndarray,
    *,
    seed: int = 0,
    rows: int | None = None,
    progress: Callable[[int], object] | None = None,
    v: np.ndarray | None = None,
) -> ScoreTable:
    """Ask for the scores of every coalition.

    Coalitions are asked for in a random order, so that every call sees coalitions of all kinds: a method that
    normalises over the batch then differs from call to call, and is found.

    Args:
        bound: The method.
        audited: What it is bound to.
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
    size = rows or rows_per_call(audited.game)
    # the first call is made again later, so it is kept to a tenth of all rows
    first = bound.repeated and min(bound.repeated, count, max(count // 10, 8), size)
    calls = [order[:first]] if first else []
    calls += [order[first:][part] for part in blocks(count - first, size)]
    answers = []
    for columns in calls:
        answers.append(bound.read(present[columns], seed))
        if progress is not None:
            progress(len(columns))
    back = np.argsort(order)

    def joined(name: str) -> Any:
        """Return one field of all answers in the order of the coalitions; None where one has none."""
        parts = [getattr(answer, name) for answer in answers]
        return None if any(part is None for part in parts) else np.concatenate(parts)[back]

    if v is None:
        v = _values(audited, present, answers[0], calls[0], joined("values"))
    return ScoreTable(
        present=present,
        v=v,
        a=np.ascontiguousarray(joined("players").T),
        eps=max(answer.eps for answer in answers),
        order_asked=order,
        rows_of_first_call=first,
        norms=joined("norms"),
        smallest=joined("smallest"),
        off=joined("off"),
        repeated=all(answer.repeated for answer in answers),
        drawn=any(answer.drawn for answer in answers),
    )


def rows_per_call(game: Game) -> int:
    """Return how many masked rows a call takes: the widest tensor of the model is bounded."""
    return int(min(max(WIDEST_TENSOR_BYTES // max(game.scalar.widest, 1), 1), MOST_ROWS_PER_CALL))


def _values(
    audited: AuditedExample,
    present: np.ndarray,
    first_answer: BatchScores,
    first_columns: np.ndarray,
    own: np.ndarray | None,
) -> np.ndarray:
    """Return f(x_T): what the method saw, where it agrees with the model on some rows; else by the model.

    What it saw costs no further calls. A method that records another function, such as one without biases,
    must not decide what its scores are held against.

    Args:
        audited: The example with its baseline.
        present: Coalitions, shape (C, n).
        first_answer: Of the first call.
        first_columns: Its coalitions.
        own: f(x_T) as the method saw it, shape (C,); None where it does not say.
    """
    game, example = audited.game, audited.example
    if own is not None:
        assert first_answer.values is not None
        some = first_columns[:ROWS_COMPARED]
        rows = masked_rows(game, present[some], example)
        with torch.no_grad():
            direct = game.scalar.values(rows, torch.full((len(some),), example)).cpu().double().numpy()
        apart = np.abs(first_answer.values[:ROWS_COMPARED] - direct).max()
        if apart <= MOST_ROUNDOFFS_APART * first_answer.eps * np.abs(direct).max():
            return own.astype(np.float64)
    masks = torch.from_numpy(present).to(game.device)
    return coalition_values(game, masks, example).cpu().double().numpy()


def effects(table: np.ndarray, n: int, order: int | None) -> np.ndarray:
    """Return the Möbius transform of (…, C): full in bitmask order, or of all |T| ≤ order by size."""
    own = np.array(table, dtype=np.float64, order="C")  # the transforms work in place
    return mobius_(own) if order is None else truncated_mobius_(own, n, order)


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
    def sound(self) -> bool:
        """Whether a row's scores depend on no earlier call, and not on what else is in the batch."""
        return self.stochastic or (self.batch <= self.tolerance and not self.stateful)


def stability(bound: Bound, table: ScoreTable, *, seed: int = 0) -> Stability:
    """Ask again for the first call's rows, and for some rows three at a time.

    Three rows are a batch that still has neighbours, and so small that what is averaged over it moves far.

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
    if table.rows_of_first_call:
        first = table.order_asked[: table.rows_of_first_call]
        second = bound.read(table.present[first], seed).players.T
        repeat = _difference(table.a[:, first], second, table.a)
        if repeat > tolerance:
            again = bound.read(table.present[first], seed).players.T
            third = _difference(second, again, table.a)
    some = np.random.default_rng(seed + 1).permutation(len(table.order_asked))[: bound.compared]
    batches = [some[part] for part in blocks(len(some), ROWS_OF_SMALL_BATCH)]
    small = np.concatenate([bound.read(table.present[part], seed).players for part in batches]).T
    batch = _difference(table.a[:, some], small, table.a)
    return Stability(batch, repeat, third, tolerance)


def _difference(one: np.ndarray, two: np.ndarray, all_: np.ndarray) -> float:
    """Return rms(one − two) over the rms of the larger of these and everything.

    Everything, since the few rows that are compared may happen to have scores near 0.
    """
    return ratio(rms(one - two), max(rms(one), rms(all_)))


def other_outputs(audited: AuditedExample, present: np.ndarray) -> np.ndarray | None:
    """Return all outputs of the model at masked inputs, to see which one a method explains.

    Args:
        audited: The example, whose target is an int.
        present: Coalitions, shape (m, n); at most the first 256 are looked at.

    Returns:
        Shape (≤ 256, K); None where one output has no others beside it.
    """
    target = audited.target
    if not isinstance(target, int) or isinstance(target, bool):
        return None
    outputs: list[Tensor] = []

    def keep_all(output: Any) -> Tensor:
        """Return the explained output, as a callable target does, and keep them all."""
        outputs.append(output.detach())
        return output[:, target]

    game, rows = audited.game, masked_rows(audited.game, present[:MOST_OUTPUT_ROWS], audited.example)
    count = len(rows[0])
    scalar = ScalarModel(
        audited.model,
        rows,
        target=keep_all,
        additional_forward_args=audited.extra_for(count),
        dtype=game.dtype,
        integers_allowed=True,
    )
    outputs.clear()  # making it has run the model already
    with torch.no_grad():
        for part in blocks(count, rows_per_call(game)):
            scalar.values(tuple(r[part] for r in rows), torch.arange(part.start, part.stop))
    every = torch.cat(outputs)
    return every.cpu().double().numpy() if every.ndim == 2 and every.shape[1] > 1 else None

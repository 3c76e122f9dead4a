"""Wrong uses of a method, told before any verdict: the answers are not what is thought to be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.bound_method import NORMS
from taylorattr.criteria.audit.score_tables import ScoreTable, Stability
from taylorattr.criteria.audit.statistics import gaps, rms, size_of_change
from taylorattr.effects.result import Result

NEARLY_ALL_ROWS = 0.95
SAME_OUTPUT_RESIDUAL = 1e-2
SMALLEST_AGREEMENT = 0.05
NEARER_OUTPUT_RESIDUAL = 0.5
FACTOR_RESIDUAL = 0.02
"""Residual of the sums beside λ times the change, relative to λ, up to which one λ is named: no network's
nonlinearity, but nodes of a quadrature."""


@dataclass(frozen=True, eq=False)
class Misuse(Result):
    """One wrong use.

    Attributes:
        kind: A word for it: ``not per-example``, ``stateful``, ``constant``, ``normalised``, ``repeated``,
            ``order of players``, ``other output``, ``predicted class``, ``factor``, ``absolute``,
            ``other baseline``, ``scores at baseline`` or ``random``.
        sentence: What was seen and what to do.
    """

    kind: str
    sentence: str

    def __repr__(self) -> str:
        """Show the sentence."""
        return self.sentence


def unstable(stability: Stability) -> Iterator[Misuse]:
    """Yield what makes every other number meaningless: answers that depend on the batch or on the call."""
    if stability.stateful:
        yield Misuse(
            "stateful",
            f"the first call differs from the next ones by {stability.repeat:.1e} of the scores: the method "
            "or the model keeps state; call it once before, or switch to eval mode",
        )
    elif not stability.per_example:
        yield Misuse(
            "not per-example",
            f"rows computed in other batches differ by {stability.batch:.1e} of the scores: they are "
            "normalised over the batch, the model is in training mode, or a reference is averaged over the "
            "batch; nothing can be decided until a row's scores depend on that row alone",
        )


@dataclass(frozen=True)
class Symptoms:
    """What stands out of the noise and the tolerance.

    Attributes:
        wrong_sums: Whether the deficit does.
        right_sums: Whether the deficit is within the tolerance for certain.
        leaks: Whether scores of players at their baseline do.
        starts: Whether the scores at b do.
        offset: Size of the scores at b, relative.
        agreement: Part of the mean square of the scores that repeats agree on; None where nothing is drawn.
    """

    wrong_sums: bool
    right_sums: bool
    leaks: bool
    starts: bool
    offset: float
    agreement: float | None = None


def misuses(
    table: ScoreTable,
    seen: Symptoms,
    names: tuple[str, ...],
    outputs: np.ndarray | None = None,
    target: int = 0,
) -> list[Misuse]:
    """Return the wrong uses that the scores themselves give away, the most telling first.

    Args:
        table: What was measured.
        seen: Which statistics stand out.
        names: Names of the players.
        outputs: Every output of the model, shape (m, K), at the first m coalitions of the table; None where
            there is one, or the sums are right anyway.
        target: Which of them is meant.
    """
    if size_of_change(table.v) <= 64 * table.eps * rms(table.v):
        return []
    if seen.agreement is not None and seen.agreement < SMALLEST_AGREEMENT:
        return [
            Misuse(
                "random",
                f"repeated calls agree on {seen.agreement:.1%} of the scores' mean square: what is returned "
                "is chance; use far more samples, or check what the method is bound to",
            )
        ]
    found = [*_normalised(table), *_repeated(table), *_out_of_order(table, names)]
    if seen.wrong_sums:
        nearly = not (seen.starts and seen.leaks)
        found += _other_output(table, outputs, target, nearly) if outputs is not None else []
        if not found and seen.starts and seen.leaks:
            found.append(
                Misuse(
                    "scores at baseline",
                    "inputs that equal their baseline are given scores, and the sums are off: gradients "
                    "times x instead of x − b, another baseline, or a rule that knows no baseline but 0; "
                    "pass the baseline to the method, or audit it at its own",
                )
            )
        found += [] if found else [*_factor(table), *_absolute(table)]
    elif seen.right_sums and seen.starts and not found:
        found.append(
            Misuse(
                "other baseline",
                f"the sums are right, but x = b is given scores too (offset {seen.offset:.2g}): the method "
                "uses another baseline, or a reference set, which is audited by each reference "
                "(ta.binds(make, references=True))",
            )
        )
    return found


def _normalised(table: ScoreTable) -> Iterator[Misuse]:
    if len(table.v) < 4:
        return
    spread = np.abs(table.a - table.a[:, :1]).max()
    if 0 < np.abs(table.a).max() and spread <= 1e-6 * np.abs(table.a).max():
        yield Misuse(
            "constant",
            "the scores are the same for every input while f moves: they do not depend on what is passed",
        )
        return
    norms = table.norms
    if norms is None:
        norms = np.stack(
            [
                np.abs(table.a).max(0),
                np.abs(table.a).sum(0),
                table.a.sum(0),
                np.sqrt((table.a**2).sum(0)),
            ],
            axis=1,
        )
    moving = norms[:, 0] > 0
    for k, what in enumerate(NORMS):
        sizes = norms[moving, k]
        middle = float(np.median(sizes)) if len(sizes) else 0.0
        near = np.abs(sizes - middle) <= 1e-4 * abs(middle)
        if middle != 0 and near.mean() >= NEARLY_ALL_ROWS and moving.mean() > 0.5:
            yield Misuse(
                "normalised",
                f"{what} is {middle:.3g} for every input: the scores are normalised per example and have "
                "lost their unit; switch the normalisation off",
            )
            return


def _repeated(table: ScoreTable) -> Iterator[Misuse]:
    if not table.repeated or table.norms is None:
        return
    lam, residual = _multiple(table)
    if lam > 1.5 and residual < 0.1 * (lam - 1):
        yield Misuse(
            "repeated",
            f"all elements of a player carry the same score and every sum is {lam:.3g} times the change: the "
            "method repeats a group's score on each of its elements; return one score per player, or divide "
            "by the size of the group",
        )


def _out_of_order(table: ScoreTable, names: tuple[str, ...]) -> Iterator[Misuse]:
    n = table.n
    single = {int(np.flatnonzero(row)[0]): c for c, row in enumerate(table.present) if row.sum() == 1}
    if len(single) < n or n < 2:
        return
    alone = table.a[:, [single[i] for i in range(n)]] - table.a[:, :1]  # [j, i]: what j gets when i moves
    effect = np.abs(table.v[[single[i] for i in range(n)]] - table.v[0])
    live = effect > 1e-3 * effect.max()
    size = np.abs(alone)
    top = size.argmax(axis=0)
    sure = live & (size.max(axis=0) >= 0.9 * size.sum(axis=0)) & (size.max(axis=0) > 0)
    moved = np.flatnonzero(sure & (top != np.arange(n)))
    if len(moved) >= 2 and len(set(top[sure].tolist())) == int(sure.sum()) and sure.sum() >= 0.9 * live.sum():
        pairs = ", ".join(f"{names[i]} at {names[top[i]]}" for i in moved[:6])
        yield Misuse(
            "order of players",
            f"the scores stand in another order than the players: {pairs}{', …' if len(moved) > 6 else ''}",
        )


def _other_output(table: ScoreTable, outputs: np.ndarray, target: int, nearly: bool) -> Iterator[Misuse]:
    """Yield what the sums explain instead: another output or the predicted one, else nearly another one.

    Sums of an incomplete method of another output are only near its change. So are, by chance, sums of
    absolute values, or of scores at the baseline, where ``nearly`` is False; these have words of their own.
    """
    total = table.a[:, : len(outputs)].sum(axis=0)
    total = total - total[0]
    change = outputs - outputs[0]
    left = np.array([rms(total - one) for one in change.T])
    size = np.array([rms(one) for one in change.T])
    nearest = min((c for c in range(len(left)) if c != target), key=lambda c: left[c])
    top = outputs.argmax(axis=1)
    followed = change[np.arange(len(top)), top]
    if left[nearest] > SAME_OUTPUT_RESIDUAL * size[nearest]:
        if len(set(top.tolist())) > 1 and rms(total - followed) <= SAME_OUTPUT_RESIDUAL * rms(followed):
            yield Misuse(
                "predicted class",
                "the scores follow the predicted class of each masked input instead of one output; pass the "
                f"target {target} to the method",
            )
            return
        if not nearly or any(_factor(table)) or any(_absolute(table)):
            return
        if left[nearest] > NEARER_OUTPUT_RESIDUAL * min(size[nearest], left[target]):
            return
    yield Misuse(
        "other output",
        f"the scores explain output {nearest}, not output {target}; pass the target to the method",
    )


def _multiple(table: ScoreTable) -> tuple[float, float]:
    """Return λ of Σa − Σa(∅) = λ(v − v(∅)) by least squares, and the rms residual over V."""
    change = table.v - table.v[0]
    total = change + gaps(table.v, table.a)
    top = np.abs(change).max()
    c, t = change / top, total / top
    lam = float(c @ t / (c @ c))
    return lam, rms(t - lam * c) / rms(c)


def _factor(table: ScoreTable) -> Iterator[Misuse]:
    lam, residual = _multiple(table)
    if residual < 0.1 * abs(lam - 1) and residual <= FACTOR_RESIDUAL * abs(lam):
        yield Misuse(
            "factor", f"every sum of scores is {lam:.3g} times the change of the output, instead of 1"
        )


def _absolute(table: ScoreTable) -> Iterator[Misuse]:
    smallest = table.a.min() if table.smallest is None else table.smallest.min()
    change = table.v - table.v[0]
    falling = change < -0.05 * size_of_change(table.v)
    if smallest >= 0 and np.abs(table.a).max() > 0 and falling.any():
        yield Misuse(
            "absolute",
            "no score is negative although the output falls: absolute values, or clipped at 0",
        )

"""Wrong uses of a method, told before any verdict: what is measured is not what the user thinks is asked.

Two sorts: answers that depend on more than the input (`unstable`), after which nothing can be decided, and
answers that give themselves away as those of another question (`misuses`): another baseline, another output,
a normalisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.bound_method import NORMS
from taylorattr.criteria.audit.noise import stands_still
from taylorattr.criteria.audit.score_tables import ScoreTable, Stability
from taylorattr.criteria.audit.statistics import gaps, rms, size_of_change
from taylorattr.criteria.audit.suspicions import (
    Comparisons,
    changed_afterwards,
    largest_only,
    other_scale,
    other_unit,
    whole_output,
)
from taylorattr.effects.result import Result

NEARLY_ALL_ROWS = 0.95
"""Part of the rows that must have one norm: a few have all scores 0, or are normalised with a stabiliser."""

SAME_NORM_WITHIN, SAME_SCORES_WITHIN = 1e-4, 1e-6
"""Relative differences of a norm, and of scores, that are rounding of float32."""

SAME_OUTPUT_RESIDUAL = 1e-2
"""Residual of the sums beside the change of an output, relative to it, up to which they are sums of that
output."""

LEAST_SPREAD = 0.1
"""Part of its median by which |f(x_T) − f(b)| must spread for scores of one norm to be called normalised:
where f moves by equal steps, right scores have one norm too."""

SMALLEST_AGREEMENT = 0.05
"""Part of the mean square of the scores that repeats must agree on for them to be more than chance."""

FACTOR_RESIDUAL = 2e-3
"""Residual of the sums beside λ times the change, relative to λ, up to which one λ is named: no network's
nonlinearity, but nodes of a quadrature."""

LIVE_PLAYER = 1e-3
"""Part of the largest effect of one player alone from which a player counts where the order is looked at."""

OWN_SHARE = 0.9
"""Part of all scores that one player must get when another moves alone to be taken for him."""

FALLS_BY = 0.05
"""Part of V by which the output must fall for scores without a negative one to be absolute values."""


@dataclass(frozen=True, eq=False)
class Misuse(Result):
    """One wrong use.

    Attributes:
        kind: A word for it: ``not per-example``, ``stateful``, ``constant``, ``normalised``, ``repeated``,
            ``order of players``, ``other output``, ``predicted class``, ``factor``, ``whole output``,
            ``other scale``, ``other layer``, ``largest only``, ``changed``, ``absolute``, ``other baseline``,
            ``scores at baseline`` or ``random``.
        sentence: What was seen and what to do.
    """

    kind: str
    sentence: str

    def __repr__(self) -> str:
        """Show the sentence."""
        return self.sentence


def unstable(stability: Stability) -> Misuse:
    """Return what makes every other number meaningless: answers that depend on the batch or on the call."""
    if stability.stateful:
        return Misuse(
            "stateful",
            f"the first call differs from the next ones by {stability.repeat:.1e} of the scores: the method "
            "or the model keeps state; call it once before, or switch to eval mode",
        )
    return Misuse(
        "not per-example",
        f"rows computed in other batches differ by {stability.batch:.1e} of the scores: they are "
        "normalised over the batch, the model is in training mode, or a reference is averaged over the "
        "batch; nothing can be decided until a row's scores depend on that row alone",
    )


@dataclass(frozen=True)
class Symptoms:
    """What stands out of the noise and the tolerance.

    Attributes:
        wrong_sums: Whether the deficit stands out.
        right_sums: Whether the deficit is within the tolerance for certain.
        leaks: Whether scores of players at their baseline stand out.
        starts: Whether the scores at b stand out.
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
    symptoms: Symptoms,
    names: tuple[str, ...],
    compare: Callable[[], Comparisons] = Comparisons,
) -> list[Misuse]:
    """Return the wrong uses that the scores themselves give away, the most telling first.

    What is about sums is told only where the sums are wrong: scores of one norm are right for a function that
    moves by equal steps.

    Args:
        table: What was measured.
        symptoms: Which statistics stand out.
        names: Names of the players.
        compare: Returns what wrong sums are compared with, at some cost.
    """
    if stands_still(table.v, size_of_change(table.v), table.eps):
        return []
    if symptoms.agreement is not None and symptoms.agreement < SMALLEST_AGREEMENT:
        return [
            Misuse(
                "random",
                f"repeated calls agree on {symptoms.agreement:.1%} of the scores' mean square: what is "
                "returned is chance; use far more samples, or check what the method is bound to",
            )
        ]
    # the same scores everywhere are scores at the baseline too, which stand out where rounding hides the sums
    faults = [*_constant(table)] if symptoms.wrong_sums or symptoms.starts else []
    if symptoms.wrong_sums and not faults:
        faults += [*_normalised(table), *_repeated(table)]
    if symptoms.wrong_sums or symptoms.leaks:  # swapped scores have right sums
        faults += _out_of_order(table, names)
    if symptoms.wrong_sums:
        compared = compare()
        if compared.outputs is not None:
            faults += _other_output(table, compared.outputs, compared.target)
        ignores_baseline = symptoms.starts and symptoms.leaks
        # these fit sums that are off for the reasons above as well
        faults += [] if faults or ignores_baseline else [*_factor(table)]
        faults += (
            [] if faults else [*_instead(table, compared, clipped=_clipped(table) and not ignores_baseline)]
        )
        if not faults and ignores_baseline:
            faults.append(
                Misuse(
                    "scores at baseline",
                    "inputs that equal their baseline are given scores, and the sums are off: gradients "
                    "times x instead of x − b, another baseline, or a rule that knows no baseline but 0; "
                    "pass the baseline to the method, or audit it at its own",
                )
            )
        faults += [] if faults else [*_absolute(table)]
    elif symptoms.leaks and not symptoms.starts and not faults:
        faults += _changed(table, compare())
    elif symptoms.right_sums and symptoms.starts and whole_output(table):
        faults.append(_whole_output())
    elif symptoms.right_sums and symptoms.starts and not faults:
        faults.append(
            Misuse(
                "other baseline",
                f"the sums are right, but x = b is given scores too (offset {symptoms.offset:.2g}): the "
                "method uses another baseline, or a reference set, which is audited by each reference "
                "(ta.binds(make, references=True))",
            )
        )
    return faults


def _instead(table: ScoreTable, compared: Comparisons, *, clipped: bool) -> Iterator[Misuse]:
    """Yield the first thing that the sums or scores are exactly, instead of what they should be."""
    scale, unit, largest = other_scale(table, compared), other_unit(table, compared), largest_only(table)
    if whole_output(table):
        yield _whole_output()
    elif scale:
        yield Misuse(
            "other scale",
            f"the scores explain {scale} and not the output that is audited; audit a model that returns it, "
            "or let the method explain the output itself",
        )
    elif unit:
        yield Misuse(
            "other layer",
            f"the sums are the change of {unit}, another layer and not the output; pass the whole model",
        )
    elif clipped:
        yield from _absolute(table)
    elif largest:
        yield Misuse(
            "largest only",
            f"every input has scores for {largest} players at most: only the largest were kept, and what the "
            "others were given is lost; switch it off",
        )
    else:
        yield from _changed(table, compared)


def _changed(table: ScoreTable, compared: Comparisons) -> Iterator[Misuse]:
    """Yield that the scores are right ones that were changed afterwards."""
    change = changed_afterwards(table, compared)
    if change:
        yield Misuse("changed", f"the scores were changed after they were right: {change}")


def _whole_output() -> Misuse:
    """Return that sums are f(x)."""
    return Misuse(
        "whole output",
        "the sums are f(x) and not f(x) − f(b): the scores were rescaled to the output, or what f gives at "
        "the baseline is shared out besides; subtract f(b)",
    )


FEWEST_COMPARED_ROWS = 4
"""Of fewer rows with scores the norms may agree by chance."""


def _constant(table: ScoreTable) -> Iterator[Misuse]:
    """Yield that every row has the same scores though f moves."""
    if len(table.v) < FEWEST_COMPARED_ROWS:
        return
    largest = np.abs(table.a).max()
    if 0 < largest and np.abs(table.a - table.a[:, :1]).max() <= SAME_SCORES_WITHIN * largest:
        yield Misuse(
            "constant",
            "the scores are the same for every input while f moves: they do not depend on what is passed",
        )


def _normalised(table: ScoreTable) -> Iterator[Misuse]:
    """Yield that every row has scores of the same norm though f moves by unequal steps."""
    if len(table.v) < FEWEST_COMPARED_ROWS:
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
    steps = np.abs(table.v - table.v[0])[moving]
    if len(steps) and np.ptp(steps) <= LEAST_SPREAD * np.median(steps):
        return
    for k, what in enumerate(NORMS):
        sizes = norms[moving, k]
        middle = float(np.median(sizes)) if len(sizes) else 0.0
        near = np.abs(sizes - middle) <= SAME_NORM_WITHIN * abs(middle)
        if middle != 0 and near.mean() >= NEARLY_ALL_ROWS and moving.mean() > 0.5:
            yield Misuse(
                "normalised",
                f"{what} is {middle:.3g} for every input: the scores are normalised per example and have "
                "lost their unit; switch the normalisation off",
            )
            return


def _repeated(table: ScoreTable) -> Iterator[Misuse]:
    """Yield that each element carries the score of its whole player: sums over elements are too large."""
    if not table.repeated or table.norms is None:
        return
    factor, residual = _multiple(table)
    if factor > 1.5 and residual < 0.1 * (factor - 1):  # groups of two at least
        yield Misuse(
            "repeated",
            f"all elements of a player carry the same score and every sum is {factor:.3g} times the change: "
            "the method repeats a group's score on each of its elements; return one score per player, or "
            "divide by the size of the group",
        )


def _out_of_order(table: ScoreTable, names: tuple[str, ...]) -> Iterator[Misuse]:
    """Yield that whoever moves alone, another player gets the score, as by a permutation of the players."""
    n = table.n
    single = {int(np.flatnonzero(row)[0]): c for c, row in enumerate(table.present) if row.sum() == 1}
    if len(single) < n or n < 2:
        return
    alone = table.a[:, [single[i] for i in range(n)]] - table.a[:, :1]  # [j, i]: what j gets when i moves
    effect = np.abs(table.v[[single[i] for i in range(n)]] - table.v[0])
    live = effect > LIVE_PLAYER * effect.max()
    size = np.abs(alone)
    receiver = size.argmax(axis=0)
    clear = live & (size.max(axis=0) >= OWN_SHARE * size.sum(axis=0)) & (size.max(axis=0) > 0)
    moved = np.flatnonzero(clear & (receiver != np.arange(n)))
    one_to_one = len(set(receiver[clear].tolist())) == int(clear.sum())
    if len(moved) >= 2 and one_to_one and clear.sum() >= OWN_SHARE * live.sum():
        pairs = ", ".join(f"{names[i]} at {names[receiver[i]]}" for i in moved[:6])
        yield Misuse(
            "order of players",
            f"the scores stand in another order than the players: {pairs}{', …' if len(moved) > 6 else ''}",
        )


def _other_output(table: ScoreTable, outputs: np.ndarray, target: int) -> Iterator[Misuse]:
    """Yield what the sums are those of instead: another output, or the predicted one."""
    total = table.a[:, : len(outputs)].sum(axis=0)
    total = total - total[0]
    change = outputs - outputs[0]
    residual = np.array([rms(total - one) for one in change.T])
    size = np.array([rms(one) for one in change.T])
    nearest = min((c for c in range(len(residual)) if c != target), key=lambda c: residual[c])
    predicted = outputs.argmax(axis=1)
    followed = change[np.arange(len(predicted)), predicted]
    if residual[nearest] <= SAME_OUTPUT_RESIDUAL * size[nearest]:
        yield Misuse(
            "other output",
            f"the scores explain output {nearest}, not output {target}; pass the target to the method",
        )
    elif len(set(predicted.tolist())) > 1 and rms(total - followed) <= SAME_OUTPUT_RESIDUAL * rms(followed):
        yield Misuse(
            "predicted class",
            "the scores follow the predicted class of each masked input instead of one output; pass the "
            f"target {target} to the method",
        )


def _multiple(table: ScoreTable) -> tuple[float, float]:
    """Return λ of Σa − Σa(∅) = λ(v − v(∅)) by least squares, and the rms residual over V."""
    change = table.v - table.v[0]
    total = change + gaps(table.v, table.a)
    largest = np.abs(change).max()  # products of the numbers themselves may overflow or vanish
    c, t = change / largest, total / largest
    factor = float(c @ t / (c @ c))
    return factor, rms(t - factor * c) / rms(c)


def _factor(table: ScoreTable) -> Iterator[Misuse]:
    """Yield that all sums are one multiple of the change: a scaling, and no incomplete method."""
    factor, residual = _multiple(table)
    if residual < 0.1 * abs(factor - 1) and residual <= FACTOR_RESIDUAL * abs(factor):
        yield Misuse(
            "factor", f"every sum of scores is {factor:.3g} times the change of the output, instead of 1"
        )


def _clipped(table: ScoreTable) -> bool:
    """Return whether no score is negative though the output falls somewhere."""
    smallest = table.a.min() if table.smallest is None else table.smallest.min()
    change = table.v - table.v[0]
    falling = change < -FALLS_BY * size_of_change(table.v)
    return bool(smallest >= 0 and np.abs(table.a).max() > 0 and falling.any())


def _absolute(table: ScoreTable) -> Iterator[Misuse]:
    """Yield that scores have lost their sign."""
    if _clipped(table):
        yield Misuse(
            "absolute",
            "no score is negative although the output falls: absolute values, or clipped at 0",
        )

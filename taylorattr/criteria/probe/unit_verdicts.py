"""Verdicts from single units where no ratio of κ and no known rule was found.

Three things show without a ratio: whether the scores of a unit add up to its change; whether an identity
unit, whose only effects are the inputs' own u_i, hands them to others; and coverage where sums are right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taylorattr.criteria.probe.unit_probe import ActivationReadings
from taylorattr.criteria.probe.units import JUDGED, Responses
from taylorattr.criteria.verdict import Verdict


def unit_verdicts(
    answers: Sequence[Responses], activations: ActivationReadings, tolerance: float
) -> tuple[Verdict, ...]:
    """Return coverage, no leak and complete of single units.

    Args:
        answers: Responses of units z^m; none where the method refused them.
        activations: Scores of activations.
        tolerance: Relative difference that is rounding.
    """
    complete = _complete(answers, activations, tolerance)
    no_leak = _no_leak(answers, complete, tolerance)
    if complete.status == "holds":
        coverage = Verdict(
            "holds", "coverage", "baseline", "unit", statement="follows from complete, eq. (11)"
        )
    else:
        lost = next((g for g in answers if not np.abs(g.mean).sum(1).all()), None)
        witness = (
            "" if lost is None else f"z^{lost.order} with u = {_vector(lost.u[0])}: nobody gets anything"
        )
        status = "undecided" if lost is None else "fails"
        coverage = Verdict(status, "coverage", "baseline", "unit", witness=witness)
    return coverage, no_leak, complete


def _complete(answers: Sequence[Responses], activations: ActivationReadings, tolerance: float) -> Verdict:
    worst, witness = 0.0, ""
    for group in answers:
        if group.order > JUDGED:
            continue
        due, total = group.u.sum(1) ** group.order, group.mean.sum(1)
        gaps = np.abs(total - due) / np.maximum(np.abs(group.mean).max(1), np.abs(due))
        at = int(gaps.argmax())
        if gaps[at] > worst:
            worst = float(gaps[at])
            witness = (
                f"z^{group.order} with u = {_vector(group.u[at])}: {total[at]:.6g} instead of {due[at]:.6g}"
            )
    for name, gap in activations.gaps.items():
        if gap > max(worst, activations.tolerance(name, tolerance)):
            worst = gap
            witness = f"{name} with a bias: the sum misses σ(z) − σ(c) by {gap:.2g} of the largest score"
    broken = worst > tolerance
    return Verdict(
        "fails" if broken else "holds",
        "complete",
        "baseline",
        "unit",
        statistic=worst,
        tolerance=tolerance,
        witness=witness if broken else "",
    )


def _no_leak(answers: Sequence[Responses], complete: Verdict, tolerance: float) -> Verdict:
    """Judge identity units: each input's only effect is u_i, so right totals with other shares are a leak."""
    for group in answers:
        if group.order != 1 or complete.status != "holds":
            continue
        gaps = np.abs(group.mean - group.u).max(1) / np.abs(group.u).max(1)
        at = int(gaps.argmax())
        broken = gaps[at] > tolerance
        if broken:
            given = f"identity with u = {_vector(group.u[at])} gets {_vector(group.mean[at])}"
            return Verdict(
                "fails", "no_leak", "baseline", "unit", "", float(gaps[at]), tolerance, witness=given
            )
    statement = "a ratio would be needed: no known rule gives these scores"
    return Verdict("undecided", "no_leak", "baseline", "unit", statement=statement)


def _vector(values: np.ndarray) -> str:
    return f"({', '.join(f'{v:.4g}' for v in values)})"

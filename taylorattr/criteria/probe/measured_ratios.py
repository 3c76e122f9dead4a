"""Verdicts on a ratio table that was measured: the three criteria, with tolerances instead of equality."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from taylorattr.criteria.complete import incomplete
from taylorattr.criteria.coverage import cancelling, uncovered
from taylorattr.criteria.no_leak import leaks
from taylorattr.criteria.paper.witness import monomial
from taylorattr.criteria.verdict import Criterion, Status, Verdict

LARGEST_DENOMINATOR = 720
"""Fractions up to this denominator are recognised in measured ratios."""


UNCOVERED = 0.05
"""Share below which a term counts as given to nobody, where noise hides smaller ones."""


def verdicts(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, *, noisy: bool, level: str = "term"
) -> tuple[Verdict, ...]:
    """Return coverage of terms and of effects, no leak, complete, for ratios read in some settings.

    Args:
        ratios: Shape (T, M, n).
        tolerance: Differences that are noise, shape (T, M, n).
        kappas: Shape (M, n).
        noisy: Whether the tolerance is sampling noise; then nothing holds better than to it.
        level: ``term`` or ``unit``.
    """
    flat, slack = ratios.reshape(-1, ratios.shape[-1]), tolerance.reshape(-1, ratios.shape[-1])
    rows = np.tile(kappas, (len(ratios), 1))
    inside = rows > 0
    cleaned = np.where(np.abs(flat) > slack, flat, 0.0)
    total, room = flat.sum(1), np.sqrt(np.square(slack).sum(1))
    snapped = np.where(np.abs(total - 1) <= room, 1.0, total)
    outside = np.where(inside, 0.0, np.abs(flat))
    said: dict[str, Any] = {"frame": "baseline", "level": level}

    def verdict(
        criterion: Criterion, broken: np.ndarray, statistic: np.ndarray, limit: np.ndarray
    ) -> Verdict:
        worst = int((statistic - limit).argmax()) if broken.any() else int(statistic.argmax())
        status: Status = "fails" if broken.any() else "holds_to" if noisy else "holds"
        first = _first(broken, rows) if broken.any() else worst
        witness = ""
        if broken.any():
            weights = ", ".join(f"{w:.6g}" for w in flat[first])
            witness = f"{monomial(rows[first])}: weights ({weights}), in total {total[first]:.6g}"
        figures = {"statistic": float(statistic[worst]), "tolerance": float(limit[worst])}
        return Verdict(status, criterion, witness=witness, **figures, **said)

    complete = verdict("complete", incomplete(snapped[:, None]), np.abs(total - 1), room)
    no_leak = verdict("no_leak", leaks(cleaned, inside), outside.max(1), slack.max(1))
    bare = uncovered(cleaned)
    unsure = bare & ((np.abs(flat) + slack).max(1) >= UNCOVERED)
    covered: Status = "holds" if not bare.any() else "undecided" if (bare == unsure).all() else "fails"
    bare &= ~unsure
    witness = f"nobody gets anything of {monomial(rows[_first(bare, rows)])}" if bare.any() else ""
    parts = [Verdict(covered, "coverage", witness=witness, **said)]
    if level == "term":
        parts.append(_effects_covered(ratios, tolerance, kappas, complete, said))
    return (*parts, no_leak, complete)


def _first(broken: np.ndarray, rows: np.ndarray) -> int:
    """Return the broken row with the smallest order and support."""
    places = np.flatnonzero(broken)
    sizes = [(int(rows[p].sum()), int((rows[p] > 0).sum()), int(p)) for p in places]
    return min(sizes)[2]


def _effects_covered(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, complete: Verdict, said: dict[str, Any]
) -> Verdict:
    """Whether some terms of one support add up to 1 while nobody gets anything, eq. (12)."""
    said = {**said, "level": "effect"}
    if complete.status != "fails":
        return Verdict(complete.status, "coverage", statement="follows from complete, eq. (11)", **said)
    for table, slack in zip(ratios, tolerance, strict=True):
        for support in np.unique(kappas > 0, axis=0):
            rows = np.flatnonzero(((kappas > 0) == support).all(axis=1))
            effects = _cancelling(table[rows], slack[rows])
            if effects:
                shown = " + ".join(f"{value:.6g}·{monomial(kappas[rows[r]])}" for r, value in effects.items())
                witness = f"{shown.replace('+ -', '− ')}: an effect of 1 of which nobody gets anything"
                return Verdict("fails", "coverage", witness=witness, **said)
    return Verdict("holds", "coverage", statement="no terms of one support cancel", **said)


def _cancelling(table: np.ndarray, slack: np.ndarray) -> dict[int, float]:
    """Return row -> effect, adding up to 1, of which nobody gets more than noise; empty where there are none.

    Ratios that are fractions with small denominators are taken as these, which gives the shortest sum.
    """
    near = np.array(
        [[Fraction(float(v)).limit_denominator(LARGEST_DENOMINATOR) for v in row] for row in table]
    )
    if (np.abs(near.astype(float) - table) <= slack).all():
        return {row: float(value) for row, value in (cancelling(near) or {}).items()}
    system = np.concatenate([table, np.ones((len(table), 1))], axis=1).T
    wanted = np.append(np.zeros(table.shape[1]), 1.0)
    effects = np.linalg.lstsq(system, wanted, rcond=1e-9)[0]
    left = np.abs(system @ effects - wanted).max()
    cancel = left <= slack.max() * max(1.0, float(np.abs(effects).sum()))
    return {row: float(value) for row, value in enumerate(effects) if abs(value) > 1e-9} if cancel else {}

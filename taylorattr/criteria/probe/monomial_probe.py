"""Read a ratio table off monomials, with as few calls as the rule's symmetry allows, eq. (49), (50)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.probe.monomials import AttributeFn, Monomial, Setting, ratios, scores
from taylorattr.maths.multi_index import enumerate_up_to

STANDARD_ERRORS = 8
"""Standard errors within which a difference is noise."""

CHECKED = 6
"""Permuted terms that must agree before a rule is taken to be symmetric."""

REPEATABLE = 1e-7
"""Relative difference of two equal calls that is rounding."""


@dataclass(frozen=True)
class Reading:
    """A measured ratio table.

    Attributes:
        kappas: Shape (M, n).
        settings: Three of them.
        ratios: Mean over repeats, shape (3, M, n).
        errors: Standard errors, zeros where repeated calls agree, shape (3, M, n).
        probes: Monomials that were asked about, in all settings together.
        remark: What became of the symmetry that was assumed; empty where none was.
    """

    kappas: np.ndarray
    settings: tuple[Setting, ...]
    ratios: np.ndarray
    errors: np.ndarray
    probes: int
    remark: str = ""

    def tolerance(self, floor: float) -> np.ndarray:
        """Return what counts as noise: the floor plus 8 standard errors, shape (3, M, n)."""
        return floor + STANDARD_ERRORS * self.errors


def repeatable(attribute: AttributeFn, setting: Setting, order: int) -> bool:
    """Whether equal calls agree, on a term of order 1 and on one of high order in all players."""
    n = len(setting.delta)
    first = np.arange(n) == 0
    for kappa in (first.astype(int), np.bincount(np.arange(max(order, 2)) % n, minlength=n) + first):
        f = Monomial(kappa, setting.baseline)
        one, *others = (scores(attribute, f, setting.x, setting.baseline) for _ in range(3))
        scale = max(float(np.abs(one).max()), 1e-300)
        if any(np.abs(one - other).max() > REPEATABLE * scale for other in others):
            return False
    return True


def read_monomials(
    attribute: AttributeFn,
    settings: tuple[Setting, ...],
    order: int,
    *,
    repeats: int,
    symmetric: bool,
    tolerance: float,
) -> Reading:
    """Return the ratios of every term up to an order in three settings.

    Args:
        attribute: The black box.
        settings: Inputs and baselines.
        order: Highest |κ|.
        repeats: Calls per monomial.
        symmetric: Whether to read only one term of each set of terms that a permutation of the players maps
            into each other (partitions of m into at most n parts), and some more as a check.
        tolerance: Difference of ratios that still is rounding.
    """
    kappas = enumerate_up_to(len(settings[0].delta), order).astype(np.int64)
    if not symmetric:
        mean, errors = _read(attribute, settings, kappas, repeats)
        return Reading(kappas, settings, mean, errors, len(settings) * len(kappas))
    sorted_rows = -np.sort(-kappas, axis=1)
    standing = np.flatnonzero((kappas == sorted_rows).all(axis=1))
    moved = np.flatnonzero((kappas != sorted_rows).any(axis=1))
    moved = moved[np.unique(np.linspace(0, len(moved) - 1, CHECKED).astype(int))] if len(moved) else moved
    asked = np.concatenate([standing, moved])
    mean, errors = _read(attribute, settings, kappas[asked], repeats)
    place = {tuple(kappas[row]): at for at, row in enumerate(standing)}
    full, spread = (np.zeros((len(settings), *kappas.shape)) for _ in range(2))
    for row, kappa in enumerate(kappas):
        turn = np.argsort(-kappa, kind="stable")
        at = place[tuple(kappa[turn])]
        full[:, row, turn], spread[:, row, turn] = mean[:, at], errors[:, at]
    slack = tolerance + STANDARD_ERRORS * (errors[:, len(standing) :] + spread[:, moved])
    same = (np.abs(mean[:, len(standing) :] - full[:, moved]) <= slack).all()
    probes = len(settings) * len(asked)
    if same and (np.abs(mean - mean[:1]) <= tolerance + STANDARD_ERRORS * (errors + errors[:1])).all():
        return Reading(kappas, settings, full, spread, probes, f"symmetric on {len(moved)} permuted terms")
    rest = np.setdiff1d(np.arange(len(kappas)), asked)
    full[:, asked], spread[:, asked] = mean, errors
    full[:, rest], spread[:, rest] = _read(attribute, settings, kappas[rest], repeats)
    remark = "not symmetric in the players, or dependent on Δ: all terms were read"
    return Reading(kappas, settings, full, spread, probes + len(settings) * len(rest), remark)


def _read(
    attribute: AttributeFn, settings: tuple[Setting, ...], kappas: np.ndarray, repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return means and standard errors, each (T, M, n)."""
    drawn = np.stack([
        np.stack([ratios(attribute, kappas, setting) for _ in range(repeats)]) for setting in settings
    ])  # fmt: skip
    mean = drawn.mean(1)
    errors = drawn.std(1, ddof=1) / math.sqrt(repeats) if repeats > 1 else np.zeros_like(mean)
    return mean, errors

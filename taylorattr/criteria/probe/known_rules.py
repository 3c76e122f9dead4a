"""Which known rule a measured table of ratios is: all of `RULES` that can be evaluated where it was read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorattr.allocation.context import REQUIRED, SIZES
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.probe.monomials import ProbePoint
from taylorattr.errors import OptionError
from taylorattr.maths.frames import binomial, lower
from taylorattr.maths.multi_index import enumerate_up_to

PLAINLY_ANOTHER = 0.05
"""Difference of a ratio from which a term counts as plainly another rule's."""

WEIGHT_OF_LOST_TERM = 0.25
"""Weight of a term that nobody gets anything of: dropped orders are a defect more often than a rule."""

SMALLEST_SIGMA = 1e-3
"""Standard deviation of SmoothGrad, beside |Δ| of about 1, below which there is no noise."""


@dataclass(frozen=True)
class RuleMatch:
    """A known rule beside a measured table.

    Attributes:
        name: Name in RULES.
        differences: Largest difference over settings, shape (M, n).
        misfits: Whether a term differs by more than its tolerance, shape (M,).
        slack: Tolerance, largest over settings, shape (M, n).
        weights: Of terms in `loss`, shape (M,).
    """

    name: str
    differences: np.ndarray
    misfits: np.ndarray
    slack: np.ndarray
    weights: np.ndarray

    @property
    def equal(self) -> bool:
        """Whether no term differs."""
        return not self.misfits.any()

    @property
    def distance(self) -> float:
        """Largest difference of a ratio."""
        return float(self.differences.max())

    @property
    def loss(self) -> float:
        """Number of terms that are another rule's, near misses in part: robust against a few wrong terms.

        By a sum of squares a rule with one planted defect would be nearest to one that is a little off
        everywhere.
        """
        far = (self.differences / np.maximum(self.slack, PLAINLY_ANOTHER)).max(1)
        return float((np.minimum(far, 1.0) * self.weights).sum())


def evaluable(rule: AllocationRule, known: Mapping[str, Any]) -> bool:
    """Whether a rule shares effects in frame b among players and reads only known quantities."""
    return (
        rule.receivers is PLAYERS
        and "baseline" in rule.frames
        and rule.scope in ("players", "unit")
        and rule.kind != "none"
        and all(name in known or need.default is not REQUIRED for name, need in rule.needs.items())
    )


def is_given_for(rule: AllocationRule, kappas: np.ndarray, known: Mapping[str, Any]) -> bool:
    """Whether a rule is given for this number of players and these orders; a user's may be for some only."""
    n, order = kappas.shape[1], int(kappas.sum(axis=1).max(initial=0))
    own = [need for name, need in rule.needs.items() if name not in known]
    sizes = [
        SIZES[axis](n) == size
        for need in own
        for axis, size in zip(need.axes, np.shape(need.default), strict=False)
        if axis in SIZES
    ]
    if rule.players not in (None, n) or (rule.reach is not None and order > rule.reach) or not all(sizes):
        return False
    try:
        return rule.evaluator is None or bool(rule.ratios(kappas, None).size)
    except OptionError:  # a user's function that does not take these terms
        return False


def table_in(
    rule: AllocationRule,
    kappas: np.ndarray,
    point: ProbePoint,
    known: Mapping[str, Any],
    offsets: np.ndarray,
) -> np.ndarray:
    """Return a rule's ratios in one point, shape (M, n).

    A rule that averages over references r = b + δ has in frame b the ratio
    E_δ Σ_{0≠μ≤κ} C(κ, μ) (−δ)^{κ−μ} (Δ − δ)^μ w(μ)/Δ^κ, for (y − b)^κ is expanded at each r, eq. (21), (22).

    Args:
        rule: The rule.
        kappas: Multi-indices, shape (M, n).
        point: Input and baseline.
        known: Quantities by name.
        offsets: δ of each reference, shape (R, n).
    """
    context = {name: known[name] for name in rule.needs if name in known}
    if not rule.per_reference or not offsets.any():
        return rule.ratios(kappas, context)
    out = np.zeros(kappas.shape)
    below = enumerate_up_to(kappas.shape[1], int(kappas.sum(1).max())).astype(np.int64)
    own = {tuple(k): w for k, w in zip(below.tolist(), rule.ratios(below, context), strict=True)}
    for row, kappa in enumerate(kappas.tolist()):
        for mu in lower(tuple(kappa)):
            rest = np.array(kappa) - mu
            terms = np.prod(offsets**rest * (point.delta - offsets) ** np.array(mu), axis=1)
            out[row] += binomial(tuple(kappa), mu) * terms.mean() * own[mu]
        out[row] /= np.prod(point.delta ** np.array(kappa))
    return out


def noise_scale(ratios: np.ndarray, kappas: np.ndarray, point: ProbePoint) -> np.ndarray | None:
    """Return σ of SmoothGrad read from terms that hold player j twice, eq. (15), shape (n,).

    w_i(e_i + 2e_j) = 1 + σ_j²/Δ_j² and w_i(2e_i + 2e_j) twice that; the median over i, without ratios of 0.
    None where a σ_j cannot be read or all are 0.

    Args:
        ratios: Shape (M, n).
        kappas: Shape (M, n).
        point: Where they were read.
    """
    n = kappas.shape[1]
    row_of = {tuple(k): row for row, k in enumerate(kappas.tolist())}
    unit = np.eye(n, dtype=int)
    sigma = np.zeros(n)
    for j in range(n):
        terms = [(i, own, tuple(own * unit[i] + 2 * unit[j])) for i in range(n) for own in (1, 2) if i != j]
        raised = [ratios[row_of[kappa], i] / own - 1 for i, own, kappa in terms if kappa in row_of]
        raised = [value for value in raised if value > -0.9]
        if not raised or np.median(raised) < -1e-6:
            return None
        sigma[j] = abs(point.delta[j]) * math.sqrt(max(float(np.median(raised)), 0.0))
    return sigma if sigma.max() > SMALLEST_SIGMA else None


def known_quantities(
    rule: str, point: ProbePoint, sigma: np.ndarray | None, own: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what a rule may read in one point: Δ, x, u = Δ (weights 1), σ, and what the user gave."""
    ones = np.ones_like(point.delta)
    known: dict[str, Any] = {"Delta": point.delta, "x": point.x, "u": point.delta, "w": ones, "c": 0.0}
    if sigma is not None:
        known["sigma"] = sigma
    return known | dict(own.get(rule, {})) | dict(own.get(rule.partition("/")[0], {}))


def matches(
    ratios: np.ndarray,
    tolerance: np.ndarray,
    kappas: np.ndarray,
    points: Sequence[ProbePoint],
    own: Mapping[str, Mapping[str, Any]],
    offsets: np.ndarray,
    *,
    prefer: str = "players",
) -> list[RuleMatch]:
    """Return every known rule beside a measured table, the nearest first.

    Args:
        ratios: Measured, shape (T, M, n).
        tolerance: Differences that are noise, shape (T, M, n).
        kappas: Shape (M, n).
        points: Where they were read, T of them.
        own: Rule -> name of a quantity -> value, given by the user.
        offsets: References less b, shape (R, n).
        prefer: Scope that comes first among equals, ``players`` or ``unit``.
    """
    lost = (np.abs(ratios) <= tolerance).all(axis=(0, 2))
    weights = np.where(lost, WEIGHT_OF_LOST_TERM, 1.0)
    sigma = [noise_scale(ratios[t], kappas, point) for t, point in enumerate(points)]
    beside = []
    for name, rule in RULES.items():
        known = [known_quantities(name, s, sigma[t], own) for t, s in enumerate(points)]
        if not all(evaluable(rule, values) and is_given_for(rule, kappas, values) for values in known):
            continue
        tables = [table_in(rule, kappas, s, values, offsets) for s, values in zip(points, known, strict=True)]
        differences = np.abs(np.stack(tables) - ratios)
        misfits = np.asarray((differences > tolerance).any(axis=(0, 2)))
        beside.append(RuleMatch(name, differences.max(0), misfits, tolerance.max(0), weights))
    rank = {name: position for position, name in enumerate(RULES)}

    def key(match: RuleMatch) -> tuple[Any, ...]:
        other = RULES[match.name].scope != prefer
        return (not match.equal, round(match.loss, 6), other, RULES[match.name].extra, rank[match.name])

    return sorted(beside, key=key)

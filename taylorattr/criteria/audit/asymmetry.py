"""Beyond sums: how far shares are from equal ones. Numbers to read, never a verdict.

Completeness cannot see who got what: min(x₁, x₂) at (10, 6) is given as (0, 6) by Rescale and by Integrated
Gradients, as (3, 3) by Shapley, and all three are complete. Shapley's shares are equal by definition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from taylorattr.criteria.audit.attributor import PackageMethod
from taylorattr.criteria.audit.bound_method import AuditedExample
from taylorattr.criteria.audit.coalitions import limited_masks
from taylorattr.criteria.audit.score_tables import effects, measure
from taylorattr.criteria.audit.statistics import ratio, size_of_change
from taylorattr.effects.result import Result
from taylorattr.errors import TaylorAttrError

SMALLEST_SHARE = 0.02
"""Part of an effect below which a member gets nothing of it, and of max|J| below which a pair is not looked
at."""

ALIKE_WITHIN = 1e-6
"""Part of V by which v(T∪i) and v(T∪j) may differ for players that the game cannot tell apart: rounding."""

MOST_PAIRS_NAMED = 5
"""Pairs that go to one member alone and are told by name, largest effects first."""

COMPARISON_ERROR_LETTERS = 160
"""Letters of an error that are told where another method could not be measured."""


@dataclass(frozen=True, eq=False)
class Asymmetry(Result):
    """Shares of one example.

    Attributes:
        pair: Σ_{|S|=2} Σ_{i∈S}|A_i(S) − J(S)/2| / Σ_{|S|=2}|J(S)|: 0 equal, 1 wholly to one member, more:
            opposite signs. Shapley has 0.
        wholly: Share of the pairs' mass where one member gets less than 2 %, of pairs above 2 % of max|J|.
        pairs: The largest of these, by names: who gets, who does not.
        alike: max|a_i(T) − a_j(T)| over players i, j that the game cannot tell apart, over max|a|; None where
            there are none.
        beside: The pair number of another method on the same network.
        other: Its name; empty where none was asked.
        missing: Why its number is missing although it was asked for.
    """

    pair: float
    wholly: float
    pairs: tuple[str, ...] = ()
    alike: float | None = None
    beside: float | None = None
    other: str = ""
    missing: str = ""


def pair_asymmetry(J: np.ndarray, A: np.ndarray, present: np.ndarray) -> float:
    """Return Σ_{|S|=2} Σ_{i∈S}|A_i(S) − J(S)/2| / Σ_{|S|=2}|J(S)|; 0 where no pair interacts.

    Args:
        J: Shape (C,).
        A: Shape (n, C).
        present: Shape (C, n).
    """
    at = present.sum(axis=1) == 2
    off_half = np.where(present[at].T, np.abs(A[:, at] - J[at] / 2), 0.0)
    mass = float(np.abs(J[at]).sum())
    return ratio(float(off_half.sum()), mass) if mass else 0.0


def asymmetry(
    J: np.ndarray, A: np.ndarray, v: np.ndarray, a: np.ndarray, present: np.ndarray, names: tuple[str, ...]
) -> Asymmetry:
    """Return the numbers of one example.

    Args:
        J: Effects, shape (C,).
        A: Measured allocation, shape (n, C).
        v: Values, shape (C,).
        a: Scores, shape (n, C).
        present: Coalitions, shape (C, n), ∅ first.
        names: Names of the players.
    """
    pairs = np.flatnonzero(present.sum(axis=1) == 2)
    pairs = pairs[np.abs(J[pairs]) > SMALLEST_SHARE * np.abs(J[1:]).max(initial=0.0)]
    pairs = pairs[np.argsort(-np.abs(J[pairs]), kind="stable")]
    sentences, one_sided, mass = [], 0.0, float(np.abs(J[pairs]).sum())
    for c in pairs.tolist():
        i, j = np.flatnonzero(present[c]).tolist()
        shares = np.abs(A[[i, j], c]) / abs(J[c])
        if shares.min() < SMALLEST_SHARE:
            one_sided += abs(float(J[c]))
            has, lacks = (i, j) if shares[0] > shares[1] else (j, i)
            sentences.append(
                f"{names[has]} gets the effect of {{{names[i]}, {names[j]}}}, {names[lacks]} nothing"
            )
    return Asymmetry(
        pair=pair_asymmetry(J, A, present),
        wholly=ratio(one_sided, mass) if mass else 0.0,
        pairs=tuple(sentences[:MOST_PAIRS_NAMED]),
        alike=unlike(v, a, present),
    )


def unlike(v: np.ndarray, a: np.ndarray, present: np.ndarray) -> float | None:
    """Return the largest difference of scores between players that the game cannot tell apart.

    i and j are alike where v(T∪i) = v(T∪j) for all T without both, up to 10⁻⁶ V.

    Args:
        v: Shape (2^n,), bitmask order.
        a: Shape (n, 2^n).
        present: Shape (2^n, n).

    Returns:
        max|a_i(T) − a_j(T)| over i, j ∈ T, relative to max|a|; None where no two players are alike, or the
        table is not full.
    """
    n = present.shape[1]
    if len(v) != 1 << n:
        return None
    scale, largest, unequal = size_of_change(v), float(np.abs(a).max()), None
    masks = np.arange(1 << n)
    for i in range(n):
        for j in range(i + 1, n):
            only_i = masks[(masks >> i & 1 == 1) & (masks >> j & 1 == 0)]
            only_j = only_i ^ (1 << i) ^ (1 << j)
            if np.abs(v[only_i] - v[only_j]).max() > ALIKE_WITHIN * scale:
                continue
            both = (masks >> i & 1 == 1) & (masks >> j & 1 == 1)
            apart = ratio(float(np.abs(a[i, both] - a[j, both]).max()), largest)
            unequal = apart if unequal is None else max(unequal, apart)
    return unequal


def with_other_method(own: Asymmetry, method: str, audited: AuditedExample, seed: int) -> Asymmetry:
    """Return the numbers beside the pair asymmetry of another method on the same network.

    It is measured from the coalitions of at most two players. A comparison that cannot be made, such as with
    a model without a gradient, costs no audit: why is said instead.

    Args:
        own: The numbers of the audited method.
        method: A name in ``ta.METHODS``.
        audited: The example with its baseline and model.
        seed: Of a method that draws.
    """
    n = audited.game.n
    present = limited_masks(n, min(n, 2))
    try:
        table = measure(PackageMethod(method, {}).bind(audited), audited, present, seed=seed)
    except (TaylorAttrError, RuntimeError) as error:
        message = " ".join(str(error).split())[:COMPARISON_ERROR_LETTERS]
        missing = f"the pair asymmetry of {method} beside it could not be measured: {message}"
        return replace(own, other=method, missing=missing)
    J, A = (effects(part, n, min(n, 2)) for part in (table.v, table.a))
    return replace(own, other=method, beside=pair_asymmetry(J, A, present))

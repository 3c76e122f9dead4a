"""Beyond sums: how far shares are from equal ones. Numbers to read, never a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.attributor import PackageMethod
from taylorattr.criteria.audit.bound_method import AuditedExample
from taylorattr.criteria.audit.coalitions import limited_masks
from taylorattr.criteria.audit.score_tables import effects, measure
from taylorattr.criteria.audit.statistics import ratio, size_of_change
from taylorattr.effects.result import Result
from taylorattr.errors import TaylorAttrError

SMALLEST_SHARE = 0.02

ALIKE_WITHIN = 1e-6


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
    at = np.flatnonzero(present.sum(axis=1) == 2)
    size = np.abs(J[at])
    at = at[size > SMALLEST_SHARE * np.abs(J[1:]).max(initial=0.0)]
    at = at[np.argsort(-np.abs(J[at]), kind="stable")]
    named, given, mass = [], 0.0, float(np.abs(J[at]).sum())
    for c in at.tolist():
        i, j = np.flatnonzero(present[c]).tolist()
        shares = np.abs(A[[i, j], c]) / abs(J[c])
        if shares.min() < SMALLEST_SHARE:
            given += abs(float(J[c]))
            gets, not_ = (i, j) if shares[0] > shares[1] else (j, i)
            named.append(
                f"{names[gets]} gets the effect of {{{names[i]}, {names[j]}}}, {names[not_]} nothing"
            )
    return Asymmetry(
        pair=pair_asymmetry(J, A, present),
        wholly=ratio(given, mass) if mass else 0.0,
        pairs=tuple(named[:5]),
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
    scale, top, found = size_of_change(v), float(np.abs(a).max()), None
    masks = np.arange(1 << n)
    for i in range(n):
        for j in range(i + 1, n):
            only_i = masks[(masks >> i & 1 == 1) & (masks >> j & 1 == 0)]
            if np.abs(v[only_i] - v[only_i ^ (1 << i) ^ (1 << j)]).max() > ALIKE_WITHIN * scale:
                continue
            both = (masks >> i & 1 == 1) & (masks >> j & 1 == 1)
            apart = ratio(float(np.abs(a[i, both] - a[j, both]).max()), top)
            found = apart if found is None else max(found, apart)
    return found


COMPARISON_ERROR_LETTERS = 160
"""Letters of an error that are shown."""


def beside_it(method: str, subject: AuditedExample, seed: int) -> tuple[float | None, str]:
    """Return the pair asymmetry of a method, from the coalitions of at most two players.

    Args:
        method: A name in ``ta.METHODS``.
        subject: The example with its baseline and model.
        seed: Of a method that draws.

    Returns:
        The number, and why there is none: a comparison that cannot be made costs no audit.
    """
    n = subject.game.n
    pairs = limited_masks(n, min(n, 2))
    try:
        other = measure(PackageMethod(method, {}).bind(subject), subject, pairs, seed=seed)
    except (TaylorAttrError, RuntimeError) as error:  # such as a model without a gradient
        said = " ".join(str(error).split())[:COMPARISON_ERROR_LETTERS]
        return None, f"the pair asymmetry of {method} beside it could not be measured: {said}"
    J, A = (effects(part, n, min(n, 2)) for part in (other.v, other.a))
    return pair_asymmetry(J, A, pairs), ""

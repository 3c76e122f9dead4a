"""Interaction indices as weighted sums of Möbius effects: index(S) = Σ_{T⊇S} c(s, t) J(T), eq. (62) and (77).

Coefficients are exact rationals; applied to an integer or Fraction table the result is exact.

Sources: Grabisch & Roubens (1999) for SII and BII; Bordt & von Luxburg (2023) for k-SII; Sundararajan,
Dhamdhere & Agarwal (2020) for STII; Tsai, Yeh & Ravikumar (2023) for Faith-SII and Faith-Banzhaf; Marichal &
Roubens (1999) for the chaining index; Hammer & Holzman (1992) for the Möbius form of the Banzhaf value.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import TypeAlias

import numpy as np

from taylorattr.errors import OptionError
from taylorattr.maths.mobius import players_of, superset_sum_, truncated_superset_sum_
from taylorattr.maths.subsets import Coalitions, count_up_to, masks_of_size
from taylorattr.registry import Registry

Coefficient: TypeAlias = Callable[[int, int, int], Fraction]
"""(s, t, k) -> c(s, t) for 1 ≤ s ≤ t and maximal order k."""

INDICES: Registry[Coefficient] = Registry(
    "interaction index",
    synonyms={
        "SV": ("shapley", "shapley value", "phi"),
        "BV": ("banzhaf value",),
        "SII": ("shapley interaction", "shapley interaction index"),
        "k-SII": ("ksii", "n-SII", "n-shapley", "n-shapley values", "shap interaction"),
        "STII": ("STI", "shapley taylor", "shapley taylor interaction index", "taylor"),
        "FSII": ("faith shap", "faith SII", "faithful shapley interaction index"),
        "BII": ("banzhaf interaction", "banzhaf interaction index"),
        "FBII": ("faith banzhaf", "faith BII", "faithful banzhaf interaction index"),
        "CHII": ("chaining", "chaining interaction index"),
    },
)
"""Name -> coefficient; an index of another family is one more function here."""


@lru_cache(maxsize=256)
def bernoulli(r: int) -> Fraction:
    """Return the Bernoulli number B_r with B_1 = −½."""
    if r == 0:
        return Fraction(1)
    # Σ_{j≤r} C(r+1, j) B_j = 0, solved for the last term
    return -sum((comb(r + 1, j) * bernoulli(j) for j in range(r)), Fraction(0)) / (r + 1)


@INDICES.register("SV")
def shapley(s: int, t: int, k: int) -> Fraction:
    """1/t: an effect is shared equally by its members."""
    return Fraction(1, t)


@INDICES.register("Banzhaf")
def banzhaf(s: int, t: int, k: int) -> Fraction:
    """2^{−(t−1)}: every member is offered the effect when a fair coin shows all others present."""
    return Fraction(1, 2 ** (t - 1))


@INDICES.register("SII")
def sii(s: int, t: int, k: int) -> Fraction:
    """1/(t−s+1): the Shapley value of S taken as one player, in the game without parts of S."""
    return Fraction(1, t - s + 1)


@INDICES.register("k-SII")
def k_sii(s: int, t: int, k: int) -> Fraction:
    """Σ_{r=0}^{min(k,t)−s} C(t−s, r) B_r/(t−s−r+1); [s=t] for t ≤ k, so the values add up to v(N) − v(∅)."""
    terms = (comb(t - s, r) * bernoulli(r) / (t - s - r + 1) for r in range(min(k, t) - s + 1))
    return sum(terms, Fraction(0))


@INDICES.register("STII")
def stii(s: int, t: int, k: int) -> Fraction:
    """[s=t] for s < k, 1/C(t, k) for s = k."""
    return Fraction(int(s == t)) if s < k else Fraction(1, comb(t, k))


@INDICES.register("FSII")
def fsii(s: int, t: int, k: int) -> Fraction:
    """[s=t] for t ≤ k, else (−1)^{k−s} · s/(k+s) · C(k, s) · C(t−1, k)/C(t+k−1, k+s)."""
    if t <= k:
        return Fraction(int(s == t))
    return Fraction((-1) ** (k - s) * s * comb(k, s) * comb(t - 1, k), (k + s) * comb(t + k - 1, k + s))


# the value's other usual name, which is also shapiq's
INDICES.register("BV")(banzhaf)


@INDICES.register("BII")
def bii(s: int, t: int, k: int) -> Fraction:
    """2^{−(t−s)}: the mean of Δ_S v over all coalitions of the other players."""
    return Fraction(1, 2 ** (t - s))


@INDICES.register("FBII")
def fbii(s: int, t: int, k: int) -> Fraction:
    """[s=t] for t ≤ k, else (−1)^{k−s} 2^{−(t−s)} C(t−s−1, k−s): least squares over all coalitions alike."""
    if t <= k:
        return Fraction(int(s == t))
    return Fraction((-1) ** (k - s) * comb(t - s - 1, k - s), 2 ** (t - s))


@INDICES.register("CHII")
def chii(s: int, t: int, k: int) -> Fraction:
    """s/t: each player of an effect passes its equal share on to every S that it belongs to."""
    return Fraction(s, t)


VALUES_ONLY = frozenset({"SV", "Banzhaf", "BV"})
"""Indices of single players: order 1 only."""


def interaction_index(
    effects: np.ndarray, name: str, order: int | None = None, held: Coalitions | None = None
) -> np.ndarray:
    """Return index(S) = Σ_{T⊇S} c(|S|, |T|) J(T) for every 1 ≤ |S| ≤ order, and J(∅) for ∅.

    Args:
        effects: Table of effects in frame b, shape (…, C); exact if int or Fraction (dtype object gives
            Fractions).
        name: ``SV``, ``Banzhaf`` or ``BV``, ``SII``, ``k-SII``, ``STII``, ``FSII``, ``BII``, ``FBII`` or
            ``CHII``.
        order: Largest |S|, 1 … n; default 1 for SV and Banzhaf, 2 otherwise (n if smaller).
        held: The coalitions of the columns; None: all 2^n, in bitmask order. Where it holds |T| ≤ K only, the
            others count as zero, and the 2^n of them are never enumerated.

    Returns:
        Shape (…, Σ_{s≤order} C(n, s)), by size then lexicographic, ∅ first. Cost: one superset
        sum per size s.

    Raises:
        OptionError: If the name is unknown or the order out of range.
    """
    held = Coalitions(players_of(effects)) if held is None else held
    n = held.n
    coefficient = INDICES[name]
    if order is None:
        order = 1 if name in VALUES_ONLY else min(2, n)
    if not 1 <= order <= n or (name in VALUES_ONLY and order != 1):
        allowed = "1 (it is a value of single players)" if name in VALUES_ONLY else f"1 … {n}"
        raise OptionError(f"order={order} for {name} of {n} players; expected {allowed}")
    # rationals stay rationals; floats are weighted by the nearest float of each coefficient
    exact = effects.dtype == object or np.issubdtype(effects.dtype, np.integer)
    kind = object if exact else effects.dtype
    result = np.zeros((*effects.shape[:-1], count_up_to(n, order)), dtype=kind)
    result[..., 0] = effects[..., 0]
    sizes = held.sizes
    largest = n if held.max_order is None else min(held.max_order, n)
    stop = 1
    for s in range(1, min(order, largest) + 1):
        start, stop = stop, stop + comb(n, s)
        # c depends on sizes alone, so that weighting by |T| first turns the index of all S of a size into one
        # superset sum
        row = [coefficient(s, t, order) if t >= s else Fraction(0) for t in range(largest + 1)]
        weights = np.array(row if exact else [float(c) for c in row], dtype=kind)
        weighted = effects * weights[sizes]
        if held.max_order is None:
            result[..., start:stop] = superset_sum_(weighted)[..., masks_of_size(n, s)]
        else:
            truncated_superset_sum_(weighted, n, largest)
            result[..., start:stop] = weighted[..., held.positions(s)]
    return result

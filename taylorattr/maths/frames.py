"""Frame b (expand at the baseline) and frame x (expand at the input towards the baseline), eq. (6)-(9a).

AND-effects live in frame b, OR-effects in frame x. Nothing here rounds: entries keep their type.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from taylorattr.aliases import Frame, MultiIndex
from taylorattr.maths.mobius import mobius_, players_of, superset_sum_, truncated_superset_sum_
from taylorattr.maths.subsets import Coalitions, popcounts


def lower(kappa: MultiIndex) -> Iterator[MultiIndex]:
    """Iterate over all μ ≤ κ with μ ≠ 0."""
    # lazily: there are Π (κ_i + 1) of them
    return (mu for mu in itertools.product(*(range(k + 1) for k in kappa)) if any(mu))


def binomial(mu: MultiIndex, kappa: MultiIndex) -> int:
    """Return C(μ, κ) = Π_j C(μ_j, κ_j)."""
    return math.prod(math.comb(a, b) for a, b in zip(mu, kappa, strict=True))


def other_frame_terms(terms: Mapping[MultiIndex, Any]) -> dict[MultiIndex, Any]:
    """Return I^x(κ) = (−1)^{|κ|+1} Σ_{μ≥κ} C(μ, κ) I(μ), eq. (7), from all effects of a polynomial.

    The map is its own inverse. Terms that come out as zero are left out.

    Args:
        terms: κ -> I(κ), every non-zero term of the polynomial, κ ≠ 0.

    Returns:
        κ -> I^x(κ) in the arithmetic of the values.
    """
    result: dict[MultiIndex, Any] = {}
    for mu, effect in terms.items():
        for kappa in lower(mu):
            share = (-1) ** (sum(kappa) + 1) * binomial(mu, kappa) * effect
            result[kappa] = result.get(kappa, 0) + share
    return {kappa: value for kappa, value in result.items() if value != 0}


def other_frame_ratio(ratio: Callable[[MultiIndex], Any]) -> Callable[[MultiIndex], Any]:
    """Return w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ), eq. (9a): the same scores from the other frame.

    Args:
        ratio: κ -> w(κ), a number or an array.

    Returns:
        The ratio that gives the same scores when it multiplies the effects of the other frame.
    """

    def other(kappa: MultiIndex) -> Any:
        return sum((-1) ** (sum(mu) + 1) * binomial(kappa, mu) * ratio(mu) for mu in lower(kappa))

    return other


def reverse_(table: np.ndarray, block: int = 1 << 16) -> np.ndarray:
    """Reverse the last dimension in place, v(T) → v(N∖T), with one block of extra memory."""
    size = table.shape[-1]
    for start in range(0, size // 2, block):
        stop = min(start + block, size // 2)
        front, back = table[..., start:stop], table[..., size - stop : size - start][..., ::-1]
        saved = front.copy()  # both are views of the table: without a copy the second would read the first
        front[...] = back
        back[...] = saved
    return table


def or_effects_(table: np.ndarray) -> np.ndarray:
    """Replace v by the OR-effects J^x(S) = −Σ_{T⊆S} (−1)^{|S|−|T|} v(N∖T) in place, eq. (8).

    The entry of ∅ becomes v(N) = f(x). Then v(T) − v(∅) = Σ_{S∩T≠∅} J^x(S).

    Args:
        table: C-contiguous full table, shape (…, 2^n).

    Returns:
        The same array.
    """
    effects = mobius_(reverse_(table))
    np.negative(effects[..., 1:], out=effects[..., 1:])
    return effects


def other_frame_(table: np.ndarray, frame: Frame, held: Coalitions | None = None) -> np.ndarray:
    """Turn a table of effects in one frame into that of the other in place, eq. (8).

    J^x(S) = (−1)^{|S|+1} Σ_{R⊇S} J(R) for S ≠ ∅, and the same from x to b. The entry of ∅ goes from f(b)
    to f(x) = f(b) + Σ_{S≠∅} J(S), or back.

    Args:
        table: C-contiguous table of effects, shape (…, C).
        frame: The frame of the table given.
        held: The coalitions of its columns; None: all 2^n, in bitmask order. Where larger coalitions are
            left out, their effects count as zero.

    Returns:
        The same array.
    """
    # Σ_{R⊇∅} J(R) is the whole sum: the superset sums give delta at ∅, where the constant has to come back
    constant = table[..., 0].copy()
    if held is None or held.max_order is None:
        superset_sum_(table)
        sizes = popcounts(players_of(table))
    else:
        truncated_superset_sum_(table, held.n, held.max_order)
        sizes = held.sizes
    delta = table[..., 0] - constant
    np.negative(table, out=table, where=sizes % 2 == 0)
    table[..., 0] = constant + delta if frame == "baseline" else constant - delta
    return table

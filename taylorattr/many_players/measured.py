"""Effects of chosen coalitions by masked forwards, and what a random sample says of those not chosen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorattr.effects import rounding
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.many_players.interaction_list import MEASURED, Entries
from taylorattr.maths.sparse_mobius import Family, closed_mobius, presence

LEVEL = 0.95
"""Confidence of the bounds."""


def measured(v: CountedValues, whole: Family) -> Entries:
    """Return J(S) of the members of a closed family but ∅, each with a bound of its rounding error.

    The cost is one evaluation for each member.
    """
    values = [v(presence(rows, v.n)) for rows in whole]
    largest = max(float(np.abs(part).max(initial=0.0)) for part in values)
    bounds = rounding.error_bound(v.rounding, largest, v.game.dtype, len(whole)).tolist()
    effects = closed_mobius(whole, values)
    sizes = range(1, len(whole))
    return stacked([(whole[s], effects[s], np.full(len(whole[s]), bounds[s])) for s in sizes], MEASURED)


def stacked(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], status: int) -> Entries:
    """Return tables of members (R, s), values and errors (R,), one per size, as entries of one status."""
    width = max((rows.shape[1] for rows, _, _ in parts), default=1)
    members = [
        np.pad(rows.astype(np.int64), ((0, 0), (0, width - rows.shape[1])), constant_values=-1)
        for rows, _, _ in parts
    ]
    total = sum(len(rows) for rows in members)
    return Entries(
        np.concatenate([np.zeros((0, width), dtype=np.int64), *members]),
        np.concatenate([np.zeros(0), *(values for _, values, _ in parts)]),
        np.concatenate([np.zeros(0), *(errors for _, _, errors in parts)]),
        np.full(total, status, dtype=np.uint8),
    )


def held_out(may_meet: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return pairs that may meet, drawn at random without repetition, ascending (R, 2).

    Args:
        may_meet: Bool (n, n).
        count: How many; all where there are no more.
        generator: Draws them.
    """
    pairs = np.argwhere(np.triu(may_meet, 1))
    return pairs[np.sort(generator.permutation(len(pairs))[:count])]


def expected_beyond(spread: float, room: float, rest: int) -> float:
    """Return how many of `rest` normal numbers around 0 are larger in size than `room`.

    Args:
        spread: Their standard deviation.
        room: How much is left to a threshold; where there is none, all of them may exceed it.
        rest: How many there are.
    """
    if room <= 0:
        return float(rest)
    return rest * math.erfc(room / (spread * math.sqrt(2))) if spread else 0.0


def confidence_of(values: np.ndarray, threshold: float, rest: int) -> dict[str, Any]:
    """Return what held-out pairs say of all that were not chosen.

    Args:
        values: J of the held-out pairs, (m,).
        threshold: The smallest |J| among the largest that are reported.
        rest: How many pairs were not chosen.

    Returns:
        ``held_out`` and ``held_out_larger``: how many there are, and how many exceed the threshold;
        ``share_larger_at_most``: upper bound of that share among all, Clopper-Pearson at 95 %;
        ``squares_left`` and ``squares_left_error``: estimate of Σ J² over all that were not chosen.
    """
    count, larger = len(values), int((np.abs(values) > threshold).sum())
    squares = values**2
    spread = float(squares.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    everyone = count == rest
    return {
        "held_out": count,
        "held_out_larger": larger,
        "share_larger_at_most": larger / max(rest, 1) if everyone else largest_share(larger, count),
        "squares_left": rest * float(squares.mean()) if count else 0.0,
        "squares_left_error": 0.0 if everyone else rest * spread,
    }


def largest_share(hits: int, count: int) -> float:
    """Return the largest share p with P(at most `hits` of `count` draws) ≥ 5 %."""
    if hits >= count:
        return 1.0

    def at_most(p: float) -> float:
        logs = (
            math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
            + k * math.log(p) + (count - k) * math.log1p(-p)
            for k in range(hits + 1)
        )  # fmt: skip
        return math.fsum(map(math.exp, logs))

    low, high = hits / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(middle) >= 1 - LEVEL else (low, middle)
    return high

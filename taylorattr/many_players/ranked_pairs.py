"""Pairs measured in the order of a proposal, and judged by pairs drawn at random."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorattr.many_players.asked import Asked, PassedError, WayAnswer
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.many_players.interaction_list import Entries
from taylorattr.many_players.measured import confidence_of, expected_beyond, held_out, measured
from taylorattr.many_players.proposals import (
    GRADIENT_ROWS,
    gradients_at_players,
    interaction_sums,
    largest_pairs,
    product_source,
)
from taylorattr.maths.matrix_sketch import HELD_OUT, sketch
from taylorattr.maths.sparse_mobius import Family, cliques, presence

GOOD = 0.9
"""Share of the squares of a block of pairs that a proposal explains, from which on it may end the search."""


def corners(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """Pairs proposed by how each player changes the gradients of the others."""
    left = _left(asked, v)
    cost = GRADIENT_ROWS * (v.n + 1)
    if left <= cost:
        raise PassedError(f"{v.n + 1} gradients count as {cost:,} outputs, and {max(left, 0):,} are left")
    matrix = gradients_at_players(asked.game, example, asked.programs[example])
    if isinstance(matrix, str):
        raise PassedError(matrix)
    v.count_products(v.n + 1, GRADIENT_ROWS)
    found = _proposed(asked, example, v, matrix)
    return _led(found, "corners", "gradients beside each single player ranked the pairs")


def sketched(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """Pairs proposed by few products with the Hessian."""
    source = product_source(asked.game, example, asked.programs[example])
    if isinstance(source, str):
        raise PassedError(source)
    left = _left(asked, v)
    most = min(left // 2 // source.each, v.n + 2 * HELD_OUT)  # the other half measures pairs
    if most < 3 * HELD_OUT:
        raise PassedError(f"{max(left, 0):,} outputs are left, and a product counts as {source.each}")
    found = sketch(source.products, v.n, most, asked.generator())
    v.count_products(found.products, source.each)
    result = _proposed(asked, example, v, found.matrix)
    share, error = found.unexplained, found.unexplained_error
    result.confidence |= {"form": found.form, "unexplained": share, "unexplained_error": error}
    words = f"{found.products} products with {source.what} leave {share:.1%} ± {error:.1%} of its squares"
    return _led(result, "sketch", f"{words} unexplained ({found.form} form), and rank the pairs")


def screened(asked: Asked, example: int, v: CountedValues) -> WayAnswer:
    """Pairs of the players with the largest sums of interactions."""
    left = _left(asked, v)
    if left <= v.n:
        raise PassedError(f"{2 * v.n} outputs tell which players interact, and {max(left, 0):,} are left")
    sums = interaction_sums(v)
    found = _proposed(asked, example, v, np.outer(sums, sums))
    return _led(found, "screened", "the sums of all interactions of each player ranked the pairs")


def _led(result: WayAnswer, way: str, words: str) -> WayAnswer:
    """Return an answer of pairs under the name of its way, its sentence led by what proposed them."""
    result.way = way
    result.confidence["sentence"] = f"{words}; {result.confidence['sentence']}"
    return result


def _left(asked: Asked, v: CountedValues) -> int:
    """Return the outputs left for derivatives and pairs, beside single players and held-out pairs."""
    _ = v.rounding  # which is measured, too, and before what is left is counted
    alone = v(np.concatenate([np.zeros((1, v.n), dtype=bool), np.eye(v.n, dtype=bool)]))
    left = asked.budget - v.spent - asked.judges
    if left < 1 or len(alone) > asked.budget:
        raise PassedError(f"{v.n + 1 + asked.judges:,} outputs are needed before the first pair")
    return left


def _proposed(asked: Asked, example: int, v: CountedValues, matrix: np.ndarray) -> WayAnswer:
    """Measure pairs in the order of a proposal, and pairs drawn at random to judge it.

    They are measured in blocks of `top` until the budget ends, or earlier where the proposal is a good one, a
    block adds nothing to the `top` largest, and what is missed at random pairs leaves no room for others.

    Args:
        asked: What was asked.
        example: Which example.
        v: The values; of no player and of single ones they are known.
        matrix: Symmetric (n, n): what pairs are expected to be, up to a factor.

    Returns:
        What was measured, with the name of the way left open.
    """
    n, may_meet = v.n, asked.meet(example, v).may_meet.numpy()
    drawn = held_out(may_meet, asked.judges, asked.generator())
    drawn_effects = _pair_effects(v, drawn)
    everything = int(np.triu(may_meet, 1).sum())
    ranked = largest_pairs(matrix, may_meet, max(asked.budget - v.spent, 0))
    sizes, beyond, start, threshold, added, agreement = np.zeros(0), math.inf, 0, 0.0, 0, 0.0
    while start < len(ranked) and beyond >= 1:
        block = ranked[start : start + asked.top]
        effects, expected = _pair_effects(v, block), matrix[block[:, 0], block[:, 1]]
        sizes, start = np.concatenate([sizes, np.abs(effects)]), start + len(block)
        added = int((np.abs(effects) > threshold).sum())
        threshold = float(np.sort(sizes)[::-1][min(asked.top, start) - 1])
        # of this block alone: how well a few large pairs are foreseen says little of those at the threshold
        factor = (expected @ effects) / (expected @ expected)
        agreement = float(factor * (expected @ effects) / max(effects @ effects, 1e-300))
        misses = effects - factor * expected, drawn_effects - factor * matrix[drawn[:, 0], drawn[:, 1]]
        spread = max(float(np.sqrt((part**2).mean())) for part in misses if len(part))
        room = threshold - abs(factor * expected[-1])
        beyond = expected_beyond(spread, room, everything - start)
        beyond = beyond if agreement >= GOOD and not added else max(beyond, 1.0)
    pairs = ranked[:start]
    numbers = drawn @ [n, 1]
    others = ~np.isin(numbers, pairs @ [n, 1])
    whole: Family = [
        np.zeros((1, 0), dtype=np.int64),
        np.arange(n, dtype=np.int64)[:, None],
        np.unique(np.concatenate([pairs, drawn]), axis=0),
    ]
    entries = measured(v, whole)
    if asked.order > 2:
        entries = _larger(asked.budget - v.spent, asked.order, v, whole, entries)
    facts = confidence_of(drawn_effects[others], threshold, everything - start)
    missing = everything - len(whole[2])
    complete = asked.order == 2 and not missing
    facts |= {"agreement": agreement}
    facts |= {"looked_at": len(entries.values), "not_looked_at": missing, "last_block_added": added}
    if missing:
        facts["expected_larger"] = beyond
    facts["sentence"] = _judgement(facts, start, asked.top, everything - start)
    if asked.order > 2:
        facts["sentence"] += "; of larger coalitions only those of pairs listed here were looked at"
    return WayAnswer(entries, "", complete=complete, confidence=facts)


def _judgement(facts: dict[str, Any], proposed: int, top: int, rest: int) -> str:
    """Return what was measured, and what that says of the rest, in words."""
    count, last = min(top, proposed), (proposed - 1) % top + 1
    words = f"{proposed:,} pairs were measured in that order, the last {last} of which added "
    words += f"{facts['last_block_added'] or 'none'} to the {count} largest"
    if not facts["not_looked_at"]:
        return words + "; all others that can meet were measured, too"
    return (
        f"{words}; of {facts['held_out']} others drawn at random {facts['held_out_larger']} exceed the "
        f"{count}th largest, so that at most {facts['share_larger_at_most']:.2%} of the {rest:,} others do "
        "(95 %)"
    )


def _pair_effects(v: CountedValues, pairs: np.ndarray) -> np.ndarray:
    """Return J of pairs (R, 2)."""
    empty = v(np.zeros((1, v.n), dtype=bool))[0]
    alone = v(np.eye(v.n, dtype=bool)) - empty
    return v(presence(pairs, v.n)) - empty - alone[pairs[:, 0]] - alone[pairs[:, 1]]


def _larger(left: int, order: int, v: CountedValues, whole: Family, entries: Entries) -> Entries:
    """Measure larger coalitions too, those every two of whose players do something together."""
    pairs, sizes = whole[2], np.abs(entries.values[v.n :])
    ranked = np.argsort(-np.where(sizes > entries.errors[v.n :], sizes, 0.0))
    count = len(pairs)
    while count:
        graph = np.zeros((v.n, v.n), dtype=bool)
        graph[tuple(pairs[ranked[:count]].T)] = True
        found = cliques(graph | graph.T, order, left + 1 + v.n + count)
        if found is not None:
            found[2] = whole[2]  # those that are known are not asked for again
            return measured(v, found)
        count //= 2
    return entries

"""Pair tables of effects: pairs by themselves, or with larger coalitions folded in by a named index."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np

from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.graphs.pair_table import PairTable, hollow, numbers
from taylorattr.maths.interaction_indices import INDICES
from taylorattr.maths.mobius import superset_sum_
from taylorattr.maths.subsets import Coalitions, of_size, popcounts


def pairs_only(n: int) -> np.ndarray:
    """Return 1 for |S| = 2 and 0 for every other size, shape (n+1,)."""
    return (np.arange(n + 1) == 2).astype(float)


def _fold_weights(kind: str, n: int) -> np.ndarray:
    """Return the coefficient of J(S) in the strength of one of its pairs, for |S| = 0 … n."""
    if kind == "pair":
        return pairs_only(n)
    if kind == "total":
        return (np.arange(n + 1) >= 2).astype(float)
    return np.array([0.0, 0.0, *(float(INDICES[kind](2, t, 2)) for t in range(2, n + 1))])


def of_effects(effects: HarsanyiEffects, kind: str, of_truncated: bool) -> PairTable:
    """Return the table of effects J(S), folded into pairs as ``kind`` says; bounds of rounding with it.

    Raises:
        OptionError: If the kind is a Hessian's, or an index of a table that lacks coalitions or orders and
            ``of_truncated`` does not allow it.
    """
    if kind == "hessian":
        raise OptionError("index='hessian' needs Taylor effects: ta.decompose(..., order=2) or higher")
    if kind not in ("pair", "total"):
        if not of_truncated and (not effects.full or effects.truncated_at is not None):
            raise OptionError(
                f"the index {kind} needs every effect, and this table holds {reach_of(effects)} only; "
                "compute the full one with harsanyi(...), or pass of_truncated=True, which "
                "takes what is missing as zero"
            )
        # the coefficients of indices are those of AND-effects
        effects = effects.in_frame("baseline", of_truncated=of_truncated)
    table = of_coalitions(effects, kind, _fold_weights(kind, effects.n))
    return replace(table, rounding=_rounding(effects, _fold_weights(kind, effects.n)))


def _rounding(effects: HarsanyiEffects, weights: np.ndarray) -> np.ndarray:
    """Return Σ_t |w(t)| C(n−2, t−2) bound(t): what rounding may do to one strength."""
    if effects.error_bound is None:
        return np.zeros(effects.batch)
    sizes = range(2, effects.error_bound.shape[1])
    bound = effects.error_bound.double().cpu().numpy()
    parts = [abs(weights[t]) * comb(effects.n - 2, t - 2) * bound[:, t] for t in sizes]
    return np.sum(parts, axis=0) if parts else np.zeros(effects.batch)


def reach_of(effects: HarsanyiEffects | InteractionIndex) -> str:
    """Return which effects a table holds, in words."""
    if isinstance(effects, HarsanyiEffects) and effects.truncated_at is not None:
        return f"Taylor terms of order ≤ {effects.truncated_at}"
    return "all coalitions" if effects.full else f"|S| ≤ {effects.largest_order}"


def of_coalitions(effects: HarsanyiEffects | InteractionIndex, kind: str, weights: np.ndarray) -> PairTable:
    """Return the table whose strengths are Σ_{S⊇{i,j}} w(|S|) J(S), w given by size, shape (n+1,).

    Raises:
        OptionError: If the table holds no pairs.
    """
    n, coalitions = effects.n, effects.coalitions
    if n > 1 and effects.largest_order < 2:
        raise OptionError(
            f"edges need effects of pairs, and this table holds |S| ≤ {effects.largest_order}; compute it "
            "with a larger max_order or order"
        )
    values = effects.values.double().cpu().numpy()
    sizes = np.abs(values)
    several = (np.arange(n + 1) >= 2).astype(float)
    net = pair_sums(values, coalitions, several)
    size = pair_sums(sizes, coalitions, several)
    # an effect of s players is spread over its C(s, 2) pairs, so that all edges together show all of it
    spread = weights if kind == "pair" or isinstance(effects, InteractionIndex) else np.array(
        [0.0, 0.0, *(1 / comb(t, 2) for t in range(2, n + 1))][: n + 1]
    )  # fmt: skip
    # a total is a sum of sizes, whose sign would always be +: it takes that of the net sum
    if kind == "total":
        strengths, signs = size, np.sign(net)
    else:
        strengths = pair_sums(values, coalitions, weights[: n + 1])
        signs = np.sign(strengths)
    covered = pair_sums(sizes, coalitions, spread)
    alone = effects.order_values(1).double().cpu().numpy()
    diagonal = np.arange(n)
    return PairTable(
        names=effects.names,
        kind=kind,
        strengths=hollow(strengths),
        signs=hollow(signs),
        independent=alone,
        interactions=net[:, diagonal, diagonal],
        interactions_size=size[:, diagonal, diagonal],
        alone=np.abs(alone),
        covered=hollow(covered),
        total=sizes[:, 1:].sum(1),
        rounding=np.zeros(effects.batch),
        reach=reach_of(effects),
        frame=effects.frame,
        delta=numbers(effects.delta),
        f_input=numbers(effects.f_input),
        f_baseline=numbers(effects.f_baseline),
    )


def of_taylor(effects: TaylorEffects, kind: str, of_truncated: bool) -> PairTable:
    """Return the table of Taylor effects: summed by support, or of kind ``hessian`` I(e_i + e_j) alone.

    Raises:
        OptionError: If the series stops at order 1.
    """
    if effects.order < 2 and effects.n > 1:
        raise OptionError("edges need effects of pairs; decompose with order=2 or more")
    summed = effects.interactions
    table = of_effects(summed, "pair" if kind == "hessian" else kind, of_truncated)
    table = replace(
        table, first_order=numbers(effects.first_order), high_order=numbers(effects.independent_high)
    )
    if kind != "hessian":
        return table
    second = effects.of_order(2)
    pairs = pair_sums(numbers(second.values), second.coalitions, pairs_only(effects.n))
    # a player's own terms are counted in size one by one: a sum over orders could cancel
    alone = np.zeros_like(table.alone)
    for m in range(1, effects.order + 1):
        alone += np.abs(numbers(effects.of_order(m).order_values(1)))
    return replace(
        table,
        kind=kind,
        strengths=hollow(pairs),
        signs=hollow(np.sign(pairs)),
        covered=hollow(np.abs(pairs)),
        alone=alone,
        total=np.abs(numbers(effects.values)).sum(1),
    )


def pair_sums(values: np.ndarray, coalitions: Coalitions, weights: np.ndarray) -> np.ndarray:
    """Return M_ij = Σ_{S⊇{i,j}} w(|S|) v(S), and M_ii = Σ_{S∋i} w(|S|) v(S).

    Args:
        values: One number per coalition, shape (B, C), in the order of ``coalitions``.
        coalitions: A full or a truncated list of coalitions of n players.
        weights: w(s) for s = 0 … n, shape (n+1,).

    Returns:
        Shape (B, n, n), symmetric. Cost: n·2^n additions for a full table, C(n, s)·s²/2 per size else.
    """
    sums = _of_full if coalitions.max_order is None else _of_truncated
    matrices = np.empty((len(values), coalitions.n, coalitions.n))
    with np.errstate(invalid="ignore"):  # an example that is not finite is refused when it is asked for
        for matrix, row in zip(matrices, values, strict=True):
            matrix[:] = sums(row, coalitions, weights)
    return matrices


def _of_full(row: np.ndarray, coalitions: Coalitions, weights: np.ndarray) -> np.ndarray:
    """Return the sums of a full table: one zeta transform over supersets, read at the pairs."""
    table = superset_sum_(row * weights[popcounts(coalitions.n)])
    bits = 1 << np.arange(coalitions.n)
    return table[bits[:, None] | bits]


def _of_truncated(row: np.ndarray, coalitions: Coalitions, weights: np.ndarray) -> np.ndarray:
    """Return the sums of a table that ends at a size: each coalition is added to the cells of its pairs."""
    n = coalitions.n
    matrix = np.zeros(n * n)
    for size in range(1, min(coalitions.max_order or 0, n) + 1):
        if weights[size] == 0:
            continue
        members = of_size(n, size).astype(np.int64)
        weighted = weights[size] * row[coalitions.positions(size)]
        for a in range(size):
            for b in range(a, size):  # members ascend, so that only the upper triangle is filled
                cells = members[:, a] * n + members[:, b]
                matrix += np.bincount(cells, weights=weighted, minlength=n * n)
    square = matrix.reshape(n, n)
    return square + np.triu(square, 1).T

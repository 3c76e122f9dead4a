"""From any result to the pair table that its graphs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError, PlayerError, ShapeError
from taylorattr.graphs.effect_pairs import of_coalitions, of_effects, of_taylor, pairs_only
from taylorattr.graphs.pair_table import PairTable, hollow, numbers
from taylorattr.many_players.interaction_list import MEASURED, Interactions
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY

GraphSource: TypeAlias = (
    TaylorEffects
    | HarsanyiEffects
    | InteractionIndex
    | SymbolicEffects
    | IntegratedHessians
    | Interactions
    | Attribution
    | Tensor
)
"""Results a graph can be made of; a tensor is a Hessian, shape (n, n) or (B, n, n)."""

EDGE_KINDS = ("pair", "total", *(name for name in INDICES if name not in VALUES_ONLY), "hessian")
"""What an edge can be made of effects: the argument ``index``."""


def pair_table_of(
    effects: GraphSource,
    index: str | None = None,
    *,
    names: Sequence[str] | None = None,
    of_truncated: bool = False,
) -> PairTable:
    """Return what graphs of these effects show.

    Args:
        effects: Effects, an interaction index, integrated Hessians, a Hessian or an attribution.
        index: What an edge is made of, one of ``EDGE_KINDS``; None: what the result itself says, for effects
            the pair effect.
        names: Other names of the players.
        of_truncated: Allow an index of a table that lacks coalitions or Taylor orders.

    Raises:
        OptionError: The index is unknown, does not fit the result, or needs effects that are not there.
        PlayerError: There are no players, or their names are not unique or not as many as the players.
        ShapeError: A Hessian is not square.
    """
    if index is not None and index not in EDGE_KINDS:
        raise OptionError(f"index={index!r}; an edge can be {', '.join(EDGE_KINDS)}")
    if isinstance(effects, SymbolicEffects):
        effects = effects.to_taylor_effects() if effects.exhaustive else effects.to_harsanyi_effects()
    # a kind that the result fixes may be named, but no other
    if isinstance(effects, Tensor):
        table = of_hessian(effects, _fixed_kind("hessian", index))
    elif isinstance(effects, IntegratedHessians):
        table = of_integrated_hessians(effects, _fixed_kind("integrated_hessians", index))
    elif isinstance(effects, Interactions):
        table = of_interactions(effects, _fixed_kind(_kind_of(effects), index))
    elif isinstance(effects, Attribution):
        table = of_scores(effects, _fixed_kind("scores", index))
    elif isinstance(effects, InteractionIndex):
        _fixed_kind(effects.index, index)
        table = of_coalitions(effects, effects.index, pairs_only(effects.n))
    elif isinstance(effects, TaylorEffects):
        table = of_taylor(effects, index or "pair", of_truncated)
    elif isinstance(effects, HarsanyiEffects):
        table = of_effects(effects, index or "pair", of_truncated)
    else:
        raise OptionError(
            f"a graph of {type(effects).__name__} is not defined; pass what decompose, harsanyi, "
            ".index(...), interactions, integrated_hessians, hessian, symbolic_effects or attribute returns"
        )
    return _checked(table if names is None else replace(table, names=tuple(names)))


def _checked(table: PairTable) -> PairTable:
    """Return the table if its players can be nodes: there are some, and their names tell them apart."""
    n = table.independent.shape[1]
    if n == 0:
        raise PlayerError("a graph needs at least one player, and these effects have none")
    if table.n != n or not all(isinstance(name, str) for name in table.names):
        raise PlayerError(f"names={list(table.names)[:5]!r}…: expected {n} texts, one per player")
    repeated = sorted({name for name in table.names if table.names.count(name) > 1})
    if repeated:
        raise PlayerError(
            f"nodes are known by the names of players, and these are given more than once: "
            f"{', '.join(map(repr, repeated[:5]))}; pass names=..."
        )
    return table


def _fixed_kind(kind: str, index: str | None) -> str:
    """Return the only kind of edge that a result has, unless another is asked for."""
    if index not in (None, kind):
        raise OptionError(f"index={index!r} needs effects; edges of this result are its own ({kind})")
    return kind


def _of_matrix(names: tuple[str, ...], kind: str, pairs: np.ndarray, alone: np.ndarray) -> PairTable:
    """Return the table of a matrix whose off-diagonal entries are the edges and nothing else exists."""
    pairs = hollow(pairs)
    sizes = np.abs(pairs)
    return PairTable(
        names=names,
        kind=kind,
        strengths=pairs,
        signs=np.sign(pairs),
        independent=alone,
        interactions=pairs.sum(2),
        interactions_size=sizes.sum(2),
        alone=np.abs(alone),
        covered=sizes,
        total=np.abs(alone).sum(1) + sizes.sum((1, 2)) / 2,
        rounding=np.zeros(len(alone)),
        reach="pairs",
    )


def of_hessian(hessian: Tensor, kind: str) -> PairTable:
    """Return the table of a Hessian, shape (n, n) or (B, n, n), symmetrised.

    Raises:
        ShapeError: If it is not square.
    """
    matrix = numbers(hessian)
    matrix = matrix[None] if matrix.ndim == 2 else matrix
    if matrix.ndim != 3 or matrix.shape[1] != matrix.shape[2]:
        raise ShapeError(f"a Hessian has shape (n, n) or (B, n, n); this one {tuple(hessian.shape)}")
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    return _of_matrix(
        names, kind, (matrix + matrix.transpose(0, 2, 1)) / 2, np.diagonal(matrix, axis1=1, axis2=2)
    )


def of_integrated_hessians(result: IntegratedHessians, kind: str) -> PairTable:
    """Return the table of integrated Hessians: Γ_ij + Γ_ji at the edges, Γ_ii at the nodes."""
    gamma = numbers(result.values)
    table = _of_matrix(
        result.names, kind, gamma + gamma.transpose(0, 2, 1), np.diagonal(gamma, axis1=1, axis2=2)
    )
    return replace(table, frame="baseline", delta=numbers(result.delta))


def of_interactions(result: Interactions, kind: str) -> PairTable:
    """Return the table of interactions among many players; pairs that were not looked at have no edge.

    An edge is left out as rounding below the largest bound of the pairs that were measured; a standard error
    is no such bound.
    """
    n, values = result.n, np.nan_to_num(numbers(result.values))
    members, errors = result.members.numpy(), numbers(result.errors)
    pair, single, measured = result.sizes == 2, result.sizes == 1, result.status.numpy() == MEASURED
    strengths, alone = np.zeros((result.batch, n, n)), np.zeros((result.batch, n))
    first, second = members[pair][:, :2].T if pair.any() else np.zeros((2, 0), dtype=np.int64)
    strengths[:, first, second] = strengths[:, second, first] = values[:, pair]
    alone[:, members[single][:, 0]] = values[:, single]
    sizes, together, net = np.abs(values), np.zeros_like(alone), np.zeros_like(alone)
    for column in range(members.shape[1]):
        here = (result.sizes > 1) & (members[:, column] >= 0)
        for example in range(result.batch):
            net[example] += np.bincount(members[here, column], values[example, here], n)
            together[example] += np.bincount(members[here, column], sizes[example, here], n)
    table = _of_matrix(result.names, kind, strengths, alone)
    bounds = np.where(measured[:, pair], errors[:, pair], 0.0)
    return replace(
        table,
        interactions=net,
        interactions_size=together,
        total=sizes.sum(1),
        rounding=bounds.max(axis=1, initial=0.0),
        reach=f"|S| ≤ {result.order}, of which {len(members):,} coalitions were looked at",
        frame="baseline",
        delta=numbers(result.delta),
        f_input=numbers(result.f_input),
        f_baseline=numbers(result.f_baseline),
    )


def _kind_of(result: Interactions) -> str:
    """Return what an edge of interactions among many players is."""
    return "pair" if result.index in ("Moebius", "Taylor") else result.index


def of_scores(scores: Attribution, kind: str) -> PairTable:
    """Return the table of a method's scores: nodes without edges."""
    rows = numbers(scores.player_scores)
    table = _of_matrix(scores.names, kind, np.zeros((*rows.shape, rows.shape[1])), rows)
    return replace(
        table,
        reach=f"scores of {scores.method}",
        frame=scores.frame,
        delta=numbers(scores.delta),
        f_input=numbers(scores.f_input),
        f_baseline=numbers(scores.f_baseline),
    )

"""From any result to the table its graphs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.errors import OptionError, PlayerError
from taylorattr.graphs.effect_pairs import of_coalitions, of_effects, of_taylor, pairs_only
from taylorattr.graphs.matrix_pairs import of_hessian, of_integrated_hessians, of_scores
from taylorattr.graphs.pair_table import PairTable
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY

GraphSource: TypeAlias = (
    TaylorEffects
    | HarsanyiEffects
    | InteractionIndex
    | SymbolicEffects
    | IntegratedHessians
    | Attribution
    | Tensor
)
"""Results a graph can be made of; a tensor is a Hessian, shape (n, n) or (B, n, n)."""


FOLDS = ("pair", "total", *(name for name in INDICES if name not in VALUES_ONLY), "hessian")
"""What an edge can be made of effects: the argument ``index``."""


def pair_table(
    effects: GraphSource,
    index: str | None = None,
    *,
    names: Sequence[str] | None = None,
    of_truncated: bool = False,
) -> PairTable:
    """Return what graphs of these effects show.

    Args:
        effects: Effects, an interaction index, integrated Hessians, a Hessian or an attribution.
        index: What an edge is made of, one of ``FOLDS``; None: what the result itself says, for effects the
            pair effect.
        names: Other names of the players.
        of_truncated: Allow an index of a table that lacks coalitions or Taylor orders.

    Raises:
        OptionError: The index is unknown, does not fit the result, or needs effects that are not there.
        PlayerError: There are no players, or their names are not unique or not as many as the players.
        ShapeError: A Hessian is not square.
    """
    if index is not None and index not in FOLDS:
        raise OptionError(f"index={index!r}; an edge can be {', '.join(FOLDS)}")
    if isinstance(effects, SymbolicEffects):
        effects = effects.to_taylor_effects() if effects.exhaustive else effects.to_harsanyi_effects()
    if isinstance(effects, Tensor):
        table = of_hessian(effects, _fixed_kind("hessian", index))
    elif isinstance(effects, IntegratedHessians):
        table = of_integrated_hessians(effects, _fixed_kind("integrated_hessians", index))
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
            ".index(...), integrated_hessians, hessian, symbolic_effects or attribute returns"
        )
    return _checked(table if names is None else replace(table, names=tuple(names)))


def _checked(table: PairTable) -> PairTable:
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
    if index not in (None, kind):
        raise OptionError(f"index={index!r} needs effects; edges of this result are its own ({kind})")
    return kind

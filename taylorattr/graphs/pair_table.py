"""What a graph shows of effects: one number per player, one per pair, for every example of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import TypeAlias

import numpy as np
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.attribution import Attribution
from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.errors import NonFiniteError, OptionError, PlayerError, ShapeError
from taylorattr.graphs.fold import pair_sums
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


@dataclass(frozen=True, eq=False)
class PairTable:
    """Numbers of the nodes and edges of interaction graphs, one graph per example.

    Attributes:
        names: Names of the n players.
        kind: What an edge is: ``pair`` J({i,j}), ``total`` Σ_{S⊇{i,j}}|J(S)|, the name of an index,
            ``hessian``, ``integrated_hessians``, or ``scores`` (no edges).
        strengths: Of the edges, shape (B, n, n), symmetric, zero diagonal.
        signs: −1, 0 or 1, same shape; of a total the sign of Σ_{S⊇{i,j}} J(S).
        independent: ψ_i, shape (B, n); its first-order and its high-order part where effects are Taylor's.
        interactions: Σ_{S∋i, |S|≥2} J(S) and the same of |J(S)|, shape (B, n) each.
        alone: Part of Σ|J| that node i shows, shape (B, n).
        held: Part of Σ|J| that an edge shows, shape (B, n, n): 1/C(|S|, 2) of an effect folded into pairs.
        total: Σ|J| over the table, shape (B,).
        rounding: Bound of the rounding error of one strength, shape (B,).
        reach: How far the table goes, in words.
        frame: Where the effects are taken; None for a Hessian at one point.
        delta: f(x) − f(b), shape (B,), or None.
        f_input: f(x), shape (B,), or None.
        f_baseline: f(b), shape (B,), or None.
    """

    names: tuple[str, ...]
    kind: str
    strengths: np.ndarray
    signs: np.ndarray
    independent: np.ndarray
    interactions: np.ndarray
    interactions_size: np.ndarray
    alone: np.ndarray
    held: np.ndarray
    total: np.ndarray
    rounding: np.ndarray
    reach: str
    first_order: np.ndarray | None = None
    high_order: np.ndarray | None = None
    frame: Frame | None = None
    delta: np.ndarray | None = None
    f_input: np.ndarray | None = None
    f_baseline: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.names)

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return len(self.total)


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
        table = _of_hessian(effects, _fixed_kind("hessian", index))
    elif isinstance(effects, IntegratedHessians):
        table = _of_integrated_hessians(effects, _fixed_kind("integrated_hessians", index))
    elif isinstance(effects, Attribution):
        table = _of_scores(effects, _fixed_kind("scores", index))
    elif isinstance(effects, InteractionIndex):
        _fixed_kind(effects.index, index)
        table = _of_coalitions(effects, effects.index, _pairs_only(effects.n))
    elif isinstance(effects, TaylorEffects):
        table = _of_taylor(effects, index or "pair", of_truncated)
    elif isinstance(effects, HarsanyiEffects):
        table = _of_effects(effects, index or "pair", of_truncated)
    else:
        raise OptionError(
            f"a graph of {type(effects).__name__} is not defined; pass what decompose, harsanyi, "
            ".index(...), integrated_hessians, hessian, symbolic_effects or attribute returns"
        )
    return _checked(table if names is None else replace(table, names=tuple(names)))


def check_example(example: int, batch: int) -> None:
    """Raise OptionError unless there is such an example."""
    if batch == 0:
        raise OptionError("the result holds no example, so there is no graph to make of it")
    if not isinstance(example, int) or not 0 <= example < batch:
        raise OptionError(f"example={example}; the result holds examples 0 … {batch - 1}")


def check_finite(table: PairTable, examples: Iterable[int]) -> None:
    """Raise NonFiniteError if an effect of one of these examples is NaN or infinite."""
    for example in examples:
        if not np.isfinite(table.total[example]):
            raise NonFiniteError(
                f"the effects of example {example} hold NaN or infinity; look at the model's outputs there, "
                "or leave the example out"
            )


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


def _pairs_only(n: int) -> np.ndarray:
    return (np.arange(n + 1) == 2).astype(float)


def _fold_weights(kind: str, n: int) -> np.ndarray:
    """Return the coefficient of J(S) in the strength of one of its pairs, for |S| = 0 … n."""
    if kind == "pair":
        return _pairs_only(n)
    if kind == "total":
        return (np.arange(n + 1) >= 2).astype(float)
    return np.array([0.0, 0.0, *(float(INDICES[kind](2, t, 2)) for t in range(2, n + 1))])


def _of_effects(effects: HarsanyiEffects, kind: str, of_truncated: bool) -> PairTable:
    if kind == "hessian":
        raise OptionError("index='hessian' needs Taylor effects: ta.decompose(..., order=2) or higher")
    if kind not in ("pair", "total"):
        if not of_truncated and (not effects.full or effects.truncated_at is not None):
            raise OptionError(
                f"the index {kind} needs every effect, and this table holds {reach_of(effects)} only; "
                "compute the full one with harsanyi(...), or pass of_truncated=True, which "
                "takes what is missing as zero"
            )
        effects = effects.in_frame("baseline")
    table = _of_coalitions(effects, kind, _fold_weights(kind, effects.n))
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


def _of_coalitions(effects: HarsanyiEffects | InteractionIndex, kind: str, weights: np.ndarray) -> PairTable:
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
    if kind == "total":
        strengths, signs = size, np.sign(net)
    else:
        strengths = pair_sums(values, coalitions, weights[: n + 1])
        signs = np.sign(strengths)
    held = pair_sums(sizes, coalitions, spread)
    ones = effects.order_values(1).double().cpu().numpy()
    diagonal = np.arange(n)
    return PairTable(
        names=effects.names,
        kind=kind,
        strengths=_hollow(strengths),
        signs=_hollow(signs),
        independent=ones,
        interactions=net[:, diagonal, diagonal],
        interactions_size=size[:, diagonal, diagonal],
        alone=np.abs(ones),
        held=_hollow(held),
        total=sizes[:, 1:].sum(1),
        rounding=np.zeros(effects.batch),
        reach=reach_of(effects),
        frame=effects.frame,
        delta=_numbers(effects.delta),
        f_input=_numbers(effects.f_input),
        f_baseline=_numbers(effects.f_baseline),
    )


def _of_taylor(effects: TaylorEffects, kind: str, of_truncated: bool) -> PairTable:
    if effects.order < 2 and effects.n > 1:
        raise OptionError("edges need effects of pairs; decompose with order=2 or more")
    summed = effects.interactions
    table = _of_effects(summed, "pair" if kind == "hessian" else kind, of_truncated)
    table = replace(
        table, first_order=_numbers(effects.first_order), high_order=_numbers(effects.independent_high)
    )
    if kind != "hessian":
        return table
    second = effects.of_order(2)
    pairs = pair_sums(_numbers(second.values), second.coalitions, _pairs_only(effects.n))
    alone = np.zeros_like(table.alone)
    for m in range(1, effects.order + 1):
        alone += np.abs(_numbers(effects.of_order(m).order_values(1)))
    return replace(
        table,
        kind=kind,
        strengths=_hollow(pairs),
        signs=_hollow(np.sign(pairs)),
        held=_hollow(np.abs(pairs)),
        alone=alone,
        total=np.abs(_numbers(effects.values)).sum(1),
    )


def _of_matrix(names: tuple[str, ...], kind: str, pairs: np.ndarray, alone: np.ndarray) -> PairTable:
    """Return the table of a matrix whose off-diagonal entries are the edges and nothing else exists."""
    pairs = _hollow(pairs)
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
        held=sizes,
        total=np.abs(alone).sum(1) + sizes.sum((1, 2)) / 2,
        rounding=np.zeros(len(alone)),
        reach="pairs",
    )


def _of_hessian(hessian: Tensor, kind: str) -> PairTable:
    matrix = _numbers(hessian)
    matrix = matrix[None] if matrix.ndim == 2 else matrix
    if matrix.ndim != 3 or matrix.shape[1] != matrix.shape[2]:
        raise ShapeError(f"a Hessian has shape (n, n) or (B, n, n); this one {tuple(hessian.shape)}")
    names = tuple(f"x{i}" for i in range(matrix.shape[1]))
    return _of_matrix(
        names, kind, (matrix + matrix.transpose(0, 2, 1)) / 2, np.diagonal(matrix, axis1=1, axis2=2)
    )


def _of_integrated_hessians(result: IntegratedHessians, kind: str) -> PairTable:
    gamma = _numbers(result.values)
    table = _of_matrix(
        result.names, kind, gamma + gamma.transpose(0, 2, 1), np.diagonal(gamma, axis1=1, axis2=2)
    )
    return replace(table, frame="baseline", delta=_numbers(result.delta))


def _of_scores(scores: Attribution, kind: str) -> PairTable:
    rows = _numbers(scores.player_scores)
    table = _of_matrix(scores.names, kind, np.zeros((*rows.shape, rows.shape[1])), rows)
    return replace(
        table,
        reach=f"scores of {scores.method}",
        frame=scores.frame,
        delta=_numbers(scores.delta),
        f_input=_numbers(scores.f_input),
        f_baseline=_numbers(scores.f_baseline),
    )


def _hollow(matrix: np.ndarray) -> np.ndarray:
    return matrix * (1.0 - np.eye(matrix.shape[-1]))


def _numbers(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().cpu().numpy()

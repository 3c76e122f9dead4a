"""What each player is given in each example, how much of it is its own, and the values that it had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.coalition_table import CoalitionTable, HarsanyiEffects, InteractionIndex
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.maths.subsets import Coalitions
from taylorattr.plot.entries import Effects, require_players
from taylorattr.plot.labels import clean, number
from taylorattr.plot.shares import membership

PlayerSource: TypeAlias = Attribution | Effects | AuditReport
"""Results that say what each player is given: by a method, by equal shares of effects, or as measured."""

SHARED_OUT = ("k-SII", "STII", "FSII")
"""Indices whose entries add up to f(x) − f(b): a score is the player's part of them; of others, its entry."""


@dataclass(frozen=True)
class PlayerParts:
    """Scores of players over a batch.

    Attributes:
        method: What the scores are.
        names: Names of the n players.
        scores: Shape (B, n).
        alone: The part of each score that is the player's own effect, shape (B, n); the others' is that of
            interactions. None where only scores are known.
        f_baseline: f(b), shape (B,).
        f_input: f(x), shape (B,).
        shared: Amount by coalition of each player's share, shape (B, C) with the coalitions; None likewise.
    """

    method: str
    names: tuple[str, ...]
    scores: np.ndarray
    alone: np.ndarray | None
    f_baseline: np.ndarray
    f_input: np.ndarray
    shared: tuple[Coalitions, np.ndarray] | None = None

    @property
    def interacting(self) -> np.ndarray:
        """The part of each score that comes from interactions, shape (B, n); 0 where it is not known."""
        return np.zeros_like(self.scores) if self.alone is None else self.scores - self.alone

    @property
    def share(self) -> np.ndarray | None:
        """Σ|from interactions| / Σ(|alone| + |from interactions|) of each player, shape (n,)."""
        if self.alone is None:
            return None
        return np.array([self.share_of(np.array([player])) for player in range(len(self.names))])

    def share_of(self, players: np.ndarray) -> float:
        """Return the same share of several players together; 0 where it is not known."""
        if self.alone is None:
            return 0.0
        alone, other = (float(np.abs(part[:, players]).sum()) for part in (self.alone, self.interacting))
        return other / (alone + other) if alone + other > 0 else 0.0

    def partners(self, player: int) -> tuple[np.ndarray, float] | None:
        """Return how strongly each player takes part in the interactions of one, and what they are in all.

        None where coalitions are not known.

        Returns:
            The mean over the batch of Σ|J(S)|/|S| over the S that hold both, shape (n,), 0 for the player
            itself; and of the same sum over all S that hold the player and another.
        """
        if self.shared is None:
            return None
        coalitions, values = self.shared
        members = membership(coalitions)
        sizes = members.sum(axis=1)
        held = members[:, player] & (sizes > 1)
        weight = np.abs(values[:, held]).mean(axis=0) / sizes[held]
        strength = weight @ members[held]
        strength[player] = 0.0
        return strength, float(weight.sum())


def player_parts(source: PlayerSource, example: int | None = None) -> PlayerParts:
    """Read the scores of players off a result.

    Effects are shared equally, J(S)/|S| to each member: of a whole table these are Shapley values.

    Args:
        source: An attribution, effects, an index, or an audit, whose measured shares are summed.
        example: One example alone; None: all.

    Returns:
        The scores and their parts.

    Raises:
        OptionError: If this is no such result, or there is no such example.
        NonFiniteError: If a number is NaN or infinite.
    """
    parts = _read(source)
    require_players(parts.names)
    batch = len(parts.scores)
    if batch == 0:
        raise OptionError("the results hold no example, so there is nothing to draw")
    if example is not None and not (isinstance(example, int) and 0 <= example < batch):
        raise OptionError(f"example={example}; the result holds examples 0 … {batch - 1}")
    rows = slice(None) if example is None else slice(example, example + 1)
    parts = PlayerParts(
        parts.method,
        parts.names,
        parts.scores[rows],
        None if parts.alone is None else parts.alone[rows],
        parts.f_baseline[rows],
        parts.f_input[rows],
        None if parts.shared is None else (parts.shared[0], parts.shared[1][rows]),
    )
    bad = int((~np.isfinite(parts.scores)).sum())
    if bad:
        raise NonFiniteError(
            f"{bad} of {parts.scores.size} scores are NaN or infinite and cannot be drawn; look for the "
            "input or the operation they come from"
        )
    return parts


def _read(source: PlayerSource) -> PlayerParts:
    if isinstance(source, Attribution):
        return PlayerParts(
            source.method,
            source.names,
            _array(source.player_scores),
            None,
            _array(source.f_baseline),
            _array(source.f_input),
        )
    if isinstance(source, AuditReport):
        allocation = _array(source.allocation)
        coalitions = Coalitions(len(source.names), source.max_order)
        alone = np.stack([allocation[:, i, coalitions.index((i,))] for i in range(len(source.names))], axis=1)
        scores = allocation.sum(axis=2)
        start = _array(source.effects)[:, 0]
        end = start + _array(source.gap) + scores.sum(axis=1)
        shared = coalitions, _array(source.effects)
        return PlayerParts(f"{source.method}, as audited", source.names, scores, alone, start, end, shared)
    if not isinstance(source, (TaylorEffects, CoalitionTable)):
        raise OptionError(
            "expected an attribution, effects (of ta.decompose, ta.harsanyi or .index) or an audit, given a "
            f"{type(source).__name__}"
        )
    table = source.interactions if isinstance(source, TaylorEffects) else source
    if isinstance(table, HarsanyiEffects):
        table = table.in_frame("baseline", of_truncated=True)
    require_players(table.names)
    values = _array(table.values)
    own = values[:, [table.coalitions.index((i,)) for i in range(table.n)]]
    ends = _array(table.f_baseline), _array(table.f_input)
    if isinstance(table, InteractionIndex) and table.index not in SHARED_OUT:
        return PlayerParts(table.index, table.names, own, None, *ends)
    members = membership(table.coalitions)
    scores = values @ (members / np.maximum(members.sum(axis=1), 1)[:, None])
    whole = isinstance(table, HarsanyiEffects) and table.full and table.truncated_at is None
    named = table.index if isinstance(table, InteractionIndex) else "effects shared equally"
    method = "Shapley values" if whole else named
    return PlayerParts(method, table.names, scores, own, *ends, (table.coalitions, values))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def feature_values(inputs: Any, batch: int, names: Sequence[str]) -> np.ndarray | None:
    """Return the value of each player in each example, shape (B, n), dtype object or float.

    Args:
        inputs: A tensor, an array or a frame with as many numbers per example as there are players, in their
            order; a frame's values may be words. None: none are known.
        batch: Number of examples.
        names: Names of the players.

    Returns:
        The values, None without inputs.

    Raises:
        ShapeError: If they do not fit.
    """
    if inputs is None:
        return None
    table = (
        inputs.detach().cpu().numpy()
        if isinstance(inputs, Tensor)
        else np.asarray(getattr(inputs, "values", inputs))
    )
    if table.ndim < 1 or len(table) != batch or table.size != batch * len(names):
        raise ShapeError(
            f"inputs have shape {tuple(table.shape)}; a value beside each name needs one per example and "
            f"player: ({batch}, {len(names)}). Leave inputs out where players are groups"
        )
    return table.reshape(batch, len(names))


def ranks(column: np.ndarray) -> tuple[np.ndarray, list[str] | None]:
    """Return the values of one player as numbers, and the words they stand for if they are words."""
    try:
        return column.astype(float), None
    except (TypeError, ValueError):
        words, codes = np.unique([str(value) for value in column], return_inverse=True)
        return codes.astype(float), [clean(word) for word in words]


def written(value: Any) -> str:
    """Return a value of a player as it stands beside its name."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    try:
        return number(float(value), sign=False)
    except (TypeError, ValueError):
        return clean(str(value))

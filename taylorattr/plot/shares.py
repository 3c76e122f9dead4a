"""Who was given how much of which effect: the numbers of the picture of an allocation.

A row is an effect I(κ), or J(S) with all its terms together; a column is a receiver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.maths.subsets import Coalitions, of_size
from taylorattr.plot.entries import coalition_labels, one_example, require_players, term_labels
from taylorattr.reformulation.result import Reformulation

Level: TypeAlias = Literal["coalition", "term"]
"""Whether the terms κ of one support S stand together."""

Key: TypeAlias = tuple[int, ...]


class MeasuredShares(Protocol):
    """What is read of an audit: J(S), shape (B, C), and A_i(S), shape (B, n, C), ∅ first."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def effects(self) -> Tensor: ...  # noqa: D102
    @property
    def allocation(self) -> Tensor: ...  # noqa: D102
    @property
    def coalitions(self) -> Coalitions: ...  # noqa: D102


@dataclass(frozen=True)
class Shares:
    """What each effect gave each receiver.

    Attributes:
        method: Name of the method.
        frame: Frame of the effects.
        players: Names of the n players that effects are made of.
        receivers: Names of the R receivers.
        table: κ of each row, shape (E, n); or the coalitions of the rows.
        first: Position among the coalitions of row 0: 1 where ∅ is left out.
        values: I(κ) or J(S), shape (E,); 0 for ∅.
        matrix: A_i, shape (E, R).
        members: Whether i takes part in the effect, shape (E, R); None where receivers are not players.
        effects: Where the names of terms come from; None for coalitions.
    """

    method: str
    frame: str
    players: tuple[str, ...]
    receivers: tuple[str, ...]
    table: np.ndarray | Coalitions
    first: int
    values: np.ndarray
    matrix: np.ndarray
    members: np.ndarray | None
    effects: TaylorEffects | None = None

    @property
    def handed_out(self) -> np.ndarray:
        """Σ_i |A_i| of each effect, shape (E,)."""
        return np.abs(self.matrix).sum(axis=1)

    @property
    def leaked(self) -> np.ndarray:
        """Σ|A_i| over the i outside each effect, shape (E,)."""
        if self.members is None:
            return np.zeros(len(self.values))
        return np.where(self.members, 0.0, np.abs(self.matrix)).sum(axis=1)

    def key(self, row: int) -> Key:
        """Return κ or S of a row."""
        if isinstance(self.table, Coalitions):
            return self.table[row + self.first]
        return tuple(int(power) for power in self.table[row])

    def find(self, key: Key) -> int | None:
        """Return the row of an effect, None if the table does not hold it."""
        if isinstance(self.table, Coalitions):
            row = self.table.index(key) - self.first if key in self.table else -1
            return row if row >= 0 else None
        if len(key) != self.table.shape[1]:
            return None
        rows = np.flatnonzero((self.table == np.array(key)).all(axis=1))
        return int(rows[0]) if len(rows) else None

    def order(self, row: int) -> int:
        """Return |κ| or |S| of a row."""
        key = self.key(row)
        return len(key) if isinstance(self.table, Coalitions) else sum(key)

    def labels(self, keys: Sequence[Key], limit: int) -> list[str]:
        """Return the names of effects, held or not, in about ``limit`` characters; no two are equal."""
        if not isinstance(self.table, Coalitions):
            return term_labels(self.players, keys, limit)
        named = iter(coalition_labels(self.players, [key for key in keys if key], limit))
        return [next(named) if key else "∅ (no effect)" for key in keys]


def shares(
    source: Reformulation | MeasuredShares, example: int = 0, reference: int = 0, level: Level = "coalition"
) -> Shares:
    """Read what each effect gave each receiver off a reformulation or an audit.

    Args:
        source: Of ``ta.reformulate`` (not of a back-propagation method) or ``ta.audit``.
        example: Which example.
        reference: Which reference, for methods that average over a set.
        level: ``coalition``: Taylor terms of one support together; ``term``: apart.

    Returns:
        The table.

    Raises:
        OptionError: If the source holds no such table, or there is no such example or level.
        NonFiniteError: If a share is NaN or infinite.
    """
    if level not in ("coalition", "term"):
        raise OptionError(f"level={level!r}; it is 'coalition' or 'term'")
    if isinstance(source, Reformulation):
        return _reformulated(source, example, reference, level)
    if not all(hasattr(source, name) for name in ("allocation", "effects", "coalitions")):
        raise OptionError(
            f"an allocation is drawn from ta.reformulate or ta.audit; given a {type(source).__name__}"
        )
    if level == "term":
        raise OptionError("an audit measures coalitions; level='term' needs a reformulation")
    require_players(source.names)
    values = one_example(source.effects, example, "effects").copy()
    values[0] = 0.0  # ∅ is no effect: whoever is given something for it leaks
    matrix = one_example(source.allocation, example, "measured shares").T
    first = 0 if matrix[0].any() else 1  # a row for ∅ only where somebody is given something for it
    return Shares(
        method=source.method,
        frame="baseline",
        players=source.names,
        receivers=source.names,
        table=source.coalitions,
        first=first,
        values=values[first:],
        matrix=matrix[first:],
        members=membership(source.coalitions)[first:],
    )


def _reformulated(source: Reformulation, example: int, reference: int, level: Level) -> Shares:
    """Return the weighted effects of one example and reference, terms of one support together if asked."""
    if not source.effects:
        raise OptionError(
            f"{source.method} has a ratio at each unit, not one for the whole network, so there is no flow "
            "from effects to players to draw; ta.audit measures one"
        )
    if not 0 <= reference < len(source.effects):
        raise OptionError(f"reference={reference}; the result holds 0 … {len(source.effects) - 1}")
    effects = source.effects[reference]
    require_players(effects.names)
    skip = 0 if isinstance(effects, TaylorEffects) else 1
    values = one_example(effects.values[:, skip:], example, "effects")
    table = source.matrix(example, reference)
    matrix = one_example(table[None], 0, "shares of effects")
    rows: np.ndarray | Coalitions
    if not isinstance(effects, TaylorEffects):
        rows, members = effects.coalitions, membership(effects.coalitions)[1:]
    elif level == "term":
        rows, members = effects.multi_indices, effects.multi_indices > 0
    else:
        rows = Coalitions(effects.n, min(effects.order, effects.n))
        members = membership(rows)[1:]
        # one pass over all terms: a sum per coalition of effects and shares side by side
        terms = torch.from_numpy(np.column_stack([values, matrix]))
        sums = terms.new_zeros(len(rows), terms.shape[1])
        sums.index_add_(0, torch.from_numpy(effects.supports), terms)
        values, matrix = sums[1:, 0].numpy(), sums[1:, 1:].numpy()
    return Shares(
        method=source.method,
        frame=effects.frame,
        players=effects.names,
        receivers=source.names,
        table=rows,
        first=1,
        values=values,
        matrix=matrix,
        members=members if source.names == effects.names else None,
        effects=effects if isinstance(effects, TaylorEffects) and level == "term" else None,
    )


def membership(coalitions: Coalitions) -> np.ndarray:
    """Return who is in each coalition, shape (C, n), bool."""
    n = coalitions.n
    if coalitions.max_order is None:  # position = mask, whose bits are the players
        return ((coalitions.masks[:, None] >> np.arange(n)) & 1).astype(bool)
    present = np.zeros((len(coalitions), n), dtype=bool)
    for size in range(1, min(coalitions.max_order, n) + 1):
        where = np.arange(len(coalitions))[coalitions.positions(size)]
        present[where[:, None], of_size(n, size)] = True
    return present

"""One number per coalition and example: lookup by name, largest entries, export.

`HarsanyiEffects` holds J(S), exact for any model; `InteractionIndex` the indices made from it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from taylorattr import memory
from taylorattr.aliases import Frame
from taylorattr.effects.examples import in_rows
from taylorattr.effects.exchange import frame, pair_matrix, shap_explanation
from taylorattr.effects.notebook import table_html
from taylorattr.effects.result import Result
from taylorattr.errors import (
    BudgetError,
    MissingExtraError,
    OptionError,
    ShapeError,
    require_frame,
    require_per_example,
    require_whole_number,
)
from taylorattr.maths.frames import other_frame_
from taylorattr.maths.interaction_indices import VALUES_ONLY, interaction_index
from taylorattr.maths.subsets import MAX_MASK_PLAYERS, Coalitions, count_up_to, popcounts

BITS_PER_BLOCK = 14
"""Players whose coalitions are looked at together where a whole table's would take its memory again."""


class Effect(NamedTuple):
    """One entry of a table of effects.

    Attributes:
        name: Player names joined by ×, powers as superscripts.
        value: The effect, in units of the model output.
        share: |value| / Σ |values| over all entries but the constant one.
        key: The coalition (sorted players) or the multi-index.
    """

    name: str
    value: float
    share: float
    key: tuple[int, ...]


def player_position(player: str | int, names: tuple[str, ...]) -> int:
    """Return the number of a player given by name or by number.

    Raises:
        OptionError: If there is no such player.
    """
    if isinstance(player, str):
        if player in names:
            return names.index(player)
        raise OptionError(f"no player is called {player!r}; the players are {', '.join(names)}")
    if not -len(names) <= player < len(names):
        raise OptionError(f"no player number {player}; there are {len(names)} players")
    return int(player) % len(names)


def largest(values: Tensor, k: int, skip: int = 0) -> tuple[list[int], list[float]]:
    """Return positions and shares |value|/Σ|value| of the k largest entries ≠ 0 after the first ``skip``."""
    sizes = values[skip:].abs()
    total = float(sizes.sum())
    found = torch.topk(sizes, min(max(k, 0), int((sizes > 0).sum())))
    return [int(i) + skip for i in found.indices], [float(v) / total for v in found.values]


@dataclass(frozen=True, eq=False, repr=False)
class CoalitionTable(Result, abstract=True):
    """One number per coalition and example.

    Attributes:
        values: Shape (B, C), columns in the order of :attr:`coalitions`; column 0 is the coalition ∅.
        names: Names of the n players.
        frame: Where the effects are taken, ``baseline`` or ``input``.
        delta: f(x) − f(b), shape (B,).
        f_input: f(x), shape (B,).
        f_baseline: f(b), shape (B,).
        max_order: None if the table holds all 2^n coalitions, in bitmask order; else k, and it holds
            those with |S| ≤ k, by size, then lexicographic.
        diagnostics: What a reader must know about the computation; JSON-able.
    """

    example_axes: ClassVar = in_rows("values delta f_input f_baseline")

    values: Tensor
    names: tuple[str, ...]
    frame: Frame
    delta: Tensor
    f_input: Tensor
    f_baseline: Tensor
    max_order: int | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        require_frame(self.frame)
        if self.max_order is None and self.n > MAX_MASK_PLAYERS:
            raise ShapeError(
                f"a full table of {self.n} players cannot exist; the limit is {MAX_MASK_PLAYERS}"
            )
        if self.values.ndim != 2 or self.values.shape[1] != len(self.coalitions):
            raise ShapeError(
                f"values have shape {tuple(self.values.shape)}; expected (B, {len(self.coalitions)}), "
                f"one column per coalition of {self.n} players"
            )
        require_per_example(self.values, delta=self.delta, f_input=self.f_input, f_baseline=self.f_baseline)

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.names)

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return self.values.shape[0]

    @property
    def full(self) -> bool:
        """Whether all 2^n coalitions are in the table."""
        return self.max_order is None

    @property
    def largest_order(self) -> int:
        """Size of the largest coalition in the table."""
        return self.n if self.max_order is None else min(self.max_order, self.n)

    @cached_property
    def coalitions(self) -> Coalitions:
        """The coalitions (sorted tuples of player numbers) of the columns; computed when asked for."""
        return Coalitions(self.n, self.max_order)

    @cached_property
    def masks(self) -> np.ndarray:
        """Bitmask of each column (bit i = player i), shape (C,); int64 up to 62 players."""
        return self.coalitions.masks

    @property
    def total(self) -> Tensor:
        """Sum of all entries but ∅, shape (B,); of a full table of effects: delta."""
        return self.values[:, 1:].sum(dim=1)

    def order_values(self, k: int) -> Tensor:
        """Return the entries with |S| = k, shape (B, C(n, k)); (B, 0) for orders not in the table."""
        require_whole_number("k", k, 0)
        where = self.coalitions.positions(k)
        return self.values[:, where if isinstance(where, slice) else torch.from_numpy(where)]

    @cached_property
    def by_order(self) -> Tensor:
        """Σ of the entries with |S| = k, shape (B, K), column k−1 for order k = 1 … K."""
        if self.full:
            sums = self.values.new_zeros(self.batch, self.n + 1)
            sizes = torch.from_numpy(self.coalitions.sizes).to(torch.int64)
            return sums.index_add_(1, sizes, self.values)[:, 1:]
        return torch.stack([self.order_values(k).sum(1) for k in range(1, self.largest_order + 1)], dim=1)

    @property
    def largest_by_order(self) -> Tensor:
        """Largest size of an entry with |S| = k, shape (B, K + 1), column k for order k = 0 … K."""
        if not self.full:
            orders = range(self.largest_order + 1)
            return torch.stack([self.order_values(k).abs().amax(dim=1) for k in orders], dim=1)
        # sizes and absolute values of the whole table would be two more tables
        inside = min(self.n, BITS_PER_BLOCK)
        sizes = torch.from_numpy(popcounts(inside)).to(torch.int64)
        result = self.values.new_zeros(self.batch, self.n + 1)
        few = 1 << (BITS_PER_BLOCK - inside)
        for largest, rows in zip(result.split(few), self.values.split(few), strict=True):
            for outside, block in enumerate(rows.split(1 << inside, dim=1)):
                where = (sizes + outside.bit_count()).expand(len(rows), -1)
                largest.scatter_reduce_(1, where, block.abs(), "amax")
        return result

    def effect(self, players: str | int | Iterable[str | int]) -> Tensor:
        """Return the entry of one coalition, shape (B,).

        Args:
            players: Names or numbers of its players in any order; one name or number for a single
                player; an empty tuple for ∅.

        Raises:
            OptionError: If a player does not exist or the coalition is larger than the table holds.
        """
        members = (players,) if isinstance(players, (str, int)) else tuple(players)
        coalition = [player_position(p, self.names) for p in members]
        return self.values[:, self.coalitions.index(coalition)]

    def __getitem__(self, players: str | int | Iterable[str | int]) -> Tensor:
        """Return the entry of one coalition: ``effects["radius", "texture"]``; see :meth:`effect`."""
        return self.effect(players)

    def label(self, position: int) -> str:
        """Return the name of a column: player names joined by ×, ∅ for the empty coalition."""
        return " × ".join(self.names[i] for i in self.coalitions[position]) or "∅"

    def top(self, k: int = 10) -> list[list[Effect]]:
        """Return the k non-zero entries largest in size, ∅ left out, for each example."""
        require_whole_number("k", k, 0)
        return [self._top_of(example, k) for example in range(self.batch)]

    def _top_of(self, example: int, k: int) -> list[Effect]:
        row = self.values[example]
        positions, shares = largest(row, k, skip=1)
        return [
            Effect(self.label(p), float(row[p]), share, self.coalitions[p])
            for p, share in zip(positions, shares, strict=True)
        ]

    def to_frame(self) -> Any:
        """Return the entries as a ``pandas.DataFrame``: a row per example, a column per coalition.

        Raises:
            MissingExtraError: If pandas is not installed.
        """
        return frame(self.values, [self.label(position) for position in range(len(self.coalitions))])

    def _to_shapiq(self, index: str, values: Tensor, example: int | None) -> Any:
        try:
            InteractionValues = importlib.import_module("shapiq").InteractionValues
        except ImportError as error:
            raise MissingExtraError(
                "to_shapiq() needs shapiq, which is not installed: pip install 'taylorattr[shapiq]'"
            ) from error
        if example is None and self.batch != 1:
            raise OptionError(f"the result holds {self.batch} examples; say which: to_shapiq(example=0)")
        row = values[example or 0]
        return InteractionValues(
            row.numpy().copy(),
            index=index,
            max_order=self.largest_order,
            n_players=self.n,
            min_order=0,
            interaction_lookup={coalition: i for i, coalition in enumerate(self.coalitions)},
            estimated=False,
            baseline_value=float(row[0]),
        )

    def _repr_html_(self) -> str:
        """Return a table with bars of the largest entries of the first examples."""
        shown = range(min(self.batch, 3))
        title = repr(self).splitlines()[0]
        return table_html(title, self.summary(k=0), [self._top_of(e, 10) for e in shown])

    def summary(self, k: int = 8, examples: int = 3) -> str:
        """Return a text with the k largest entries of the first few examples."""
        return self._lines(type(self).__name__, k, examples)

    def _lines(self, title: str, k: int = 8, examples: int = 3) -> str:
        held = f"all {len(self.coalitions)} coalitions" if self.full else f"|S| ≤ {self.largest_order}"
        lines = [f"{title}: {self.n} players, {held}, frame {self.frame}, {self.batch} example(s)"]
        for e in range(min(self.batch, examples)):
            found = self._top_of(e, k)
            lines.append(
                f"  example {e}: f(x) = {float(self.f_input[e]):.6g}, f(b) = {float(self.f_baseline[e]):.6g},"
                f" delta = {float(self.delta[e]):.6g}, sum of entries = {float(self.total[e]):.6g}"
            )
            width = max((len(effect.name) for effect in found), default=0)
            lines += [f"    {t.name:<{width}}  {t.value:+.6g}  {t.share:6.1%}" for t in found]
        if self.batch > examples:
            lines.append(f"  … and {self.batch - examples} more examples")
        return "\n".join(lines)


SHAPIQ_NAMES = {"Banzhaf": "BV"}
"""Our index names -> shapiq's, where it has another."""


@dataclass(frozen=True, eq=False, repr=False)
class InteractionIndex(CoalitionTable):
    """An interaction index per coalition with |S| ≤ order; ∅ carries f(b).

    Attributes:
        index: ``SV``, ``Banzhaf``, ``BV``, ``SII``, ``k-SII``, ``STII``, ``FSII``, ``BII``, ``FBII`` or
            ``CHII``; the other fields are those of
            :class:`~taylorattr.effects.coalition_table.CoalitionTable`.
    """

    index: str = "SV"

    def to_shapiq(self, example: int | None = None) -> Any:
        """Return shapiq's ``InteractionValues`` of one example.

        Raises:
            MissingExtraError: If shapiq is not installed.
            OptionError: If there are several examples and none is chosen.
        """
        return self._to_shapiq(SHAPIQ_NAMES.get(self.index, self.index), self.values, example)

    def to_shap(self, inputs: Any = None) -> Any:
        """Return the entries of single players as ``shap.Explanation``, which ``shap.plots`` draw.

        Args:
            inputs: Values of the players, (B, n): a tensor, an array or a frame.

        Raises:
            MissingExtraError: If shap is not installed.
            ShapeError: If the inputs are not a value per example and player.
        """
        return shap_explanation(self.order_values(1), self.f_baseline, inputs, self.names)

    def __repr__(self) -> str:
        """Show the largest entries with their names."""
        return self._lines(f"InteractionIndex {self.index}")


@dataclass(frozen=True, eq=False, repr=False)
class HarsanyiEffects(CoalitionTable):
    """Effects J(S) per coalition, eq. (3); AND-effects in frame ``baseline``, OR-effects in frame ``input``.

    J({i}) is the independent effect ψ_i; J(∅) is f(b), in frame ``input`` f(x). Of a full table, the
    entries but ∅ add up to delta.

    Attributes:
        error_bound: Bound of the rounding error of one effect per order, shape (B, K+1), column k for
            |S| = k; None where the effects do not come from model outputs.
        truncated_at: None if every J(S) is whole; K if it holds only the Taylor terms of order ≤ K.
    """

    example_axes: ClassVar = {**CoalitionTable.example_axes, "error_bound": 0}

    error_bound: Tensor | None = None
    truncated_at: int | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        super().__post_init__()
        expected = (self.batch, self.largest_order + 1)
        if self.error_bound is not None and self.error_bound.shape != expected:
            raise ShapeError(f"error_bound has shape {tuple(self.error_bound.shape)}; expected {expected}")

    @property
    def _complete(self) -> bool:
        """Whether every effect is held, and whole."""
        return self.largest_order == self.n and self.truncated_at is None

    def index(self, name: str, order: int | None = None, *, of_truncated: bool = False) -> InteractionIndex:
        """Return the sums Σ_{T⊇S} c(|S|, |T|) J(T) that an interaction index is, eq. (62), (63), (77).

        Effects in frame ``input`` are converted by eq. (8) first. Of a table up to ``max_order`` only what
        it holds is looked at, so the number of players does not matter.

        Args:
            name: ``SV``, ``Banzhaf`` (or ``BV``), ``SII``, ``k-SII``, ``STII``, ``FSII``, ``BII``, ``FBII``
                or ``CHII``.
            order: Largest |S|; default 1 for SV and Banzhaf, 2 for the others.
            of_truncated: Allow a table that does not hold everything; what it lacks counts as zero.

        Returns:
            The index for every |S| ≤ order, in the frame ``baseline``.

        Raises:
            OptionError: If the name is unknown, the order out of range, or the table truncated.
            BudgetError: If the coalitions with |S| ≤ order do not fit into memory.
        """
        require_whole_number("order", order, 0, optional=True)
        if not (self._complete or of_truncated):
            taylor, size = self.truncated_at, self.max_order
            what = f"|S| ≤ {size}" if taylor is None else f"Taylor terms of order ≤ {taylor}"
            raise OptionError(
                f"the index {name} needs every effect, and this table holds {what} only; compute the full "
                "one with harsanyi(...), or pass of_truncated=True to take what is missing as zero"
            )
        size = order if order is not None else 1 if name in VALUES_ONLY else min(2, self.n)
        needed = 8 * self.batch * count_up_to(self.n, size)
        if needed > memory.available(needed):
            raise BudgetError(
                f"an index of order {size} of {self.n} players has {count_up_to(self.n, size):,} entries per "
                f"example, {memory.in_words(needed)} in all; take a smaller order, or group variables with "
                "players=..."
            )
        effects = self.in_frame("baseline", of_truncated=True)
        return InteractionIndex(
            values=torch.from_numpy(
                interaction_index(effects.values.numpy(), name, order, held=self.coalitions)
            ),
            names=self.names,
            frame="baseline",
            delta=self.delta,
            f_input=self.f_input,
            f_baseline=self.f_baseline,
            max_order=size,
            diagnostics={} if self._complete else {"of_truncated": True},
            index=name,
        )

    def in_frame(self, frame: Frame, *, of_truncated: bool = False) -> HarsanyiEffects:
        """Return the effects in the given frame, by eq. (8).

        Rounding errors of J(S) become sums over its supersets, so the error bound is not carried over.

        Args:
            frame: ``baseline`` or ``input``.
            of_truncated: Allow a table without the larger coalitions; their effects count as zero.

        Raises:
            OptionError: If the table lacks coalitions, and ``of_truncated`` does not allow it.
        """
        require_frame(frame)
        if frame == self.frame:
            return self
        if self.largest_order < self.n and not of_truncated:
            raise OptionError(
                f"frame {frame} sums over all supersets, and this table holds |S| ≤ {self.max_order} only; "
                f"compute it with harsanyi(..., frame={frame!r}), or pass of_truncated=True to take what is "
                "missing as zero"
            )
        table = other_frame_(self.values.numpy().copy(), self.frame, self.coalitions)
        return HarsanyiEffects(
            values=torch.from_numpy(table),
            names=self.names,
            frame=frame,
            delta=self.delta,
            f_input=self.f_input,
            f_baseline=self.f_baseline,
            max_order=self.max_order,
            diagnostics=dict(self.diagnostics),
            truncated_at=self.truncated_at,
        )

    def to_shapiq(self, example: int | None = None) -> Any:
        """Return shapiq's ``InteractionValues`` (index ``Moebius``) of one example.

        A full table in frame ``input`` is converted to frame ``baseline``, the one shapiq knows.

        Raises:
            MissingExtraError: If shapiq is not installed.
            OptionError: If there are several examples and none is chosen, or a truncated table is in
                frame ``input``.
        """
        return self._to_shapiq("Moebius", self.in_frame("baseline").values, example)

    def to_shap(self, inputs: Any = None, *, interactions: bool = False, of_truncated: bool = False) -> Any:
        """Return the Shapley values as ``shap.Explanation``, which ``shap.plots`` draw.

        Args:
            inputs: Values of the players, (B, n): a tensor, an array or a frame.
            interactions: Give shap's interaction values instead, shape (B, n, n): SII({i, j})/2 on either
                side of the diagonal, whose rows sum to the Shapley values.
            of_truncated: Allow a table that does not hold everything; what it lacks counts as zero.

        Raises:
            MissingExtraError: If shap is not installed.
            OptionError: If the table is truncated.
            ShapeError: If the inputs are not a value per example and player.
        """
        values = self.index("SV", of_truncated=of_truncated).order_values(1)
        if interactions and self.n > 1:
            pairs = self.index("SII", 2, of_truncated=of_truncated).order_values(2)
            values = pair_matrix(values, pairs)
        return shap_explanation(values, self.f_baseline, inputs, self.names)

    def summary(self, k: int = 8, examples: int = 3) -> str:
        """Return a text with the k largest effects of the first few examples."""
        title = "HarsanyiEffects"
        if self.truncated_at is not None:
            title += f" (Taylor terms of order ≤ {self.truncated_at})"
        return self._lines(title, k, examples)

    def __repr__(self) -> str:
        """Show the largest effects with their names, f, delta and the frame."""
        return self.summary()

"""`Interactions`: the coalitions that were looked at, each with its value, its error and how it is known."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Coalition
from taylorattr.effects.coalition_table import player_position
from taylorattr.effects.examples import in_rows
from taylorattr.effects.result import Result
from taylorattr.errors import (
    MissingExtraError,
    OptionError,
    ShapeError,
    require_per_example,
    require_whole_number,
)
from taylorattr.maths.interaction_indices import INDICES

STATUS = ("not looked at", "measured", "estimated", "derivative")
"""How an entry is known, by its number in `Interactions.status`. ``measured``: by masked forwards, up to the
rounding error beside it; ``estimated``: from a sample, with its standard error; ``derivative``: from second
derivatives, exact but for rounding or the quadrature."""

NOT_LOOKED_AT, MEASURED, ESTIMATED, DERIVATIVE = range(4)

MEANINGS = {
    "Moebius": "J(S), the Harsanyi effect: what S does together beyond its parts, all others at the baseline",
    "Taylor": "I, the Taylor effects of order ≤ 2 at the baseline: Δ_i Δ_j ∂²f/∂x_i∂x_j(b) of a pair",
    "integrated_hessians": "Γ_ij + Γ_ji of a pair, Γ_ii of a player: shares of all effects that sum to delta",
}
"""Index -> what a value of it is, besides the interaction indices."""


class Interaction(NamedTuple):
    """One entry.

    Attributes:
        name: Player names joined by ×.
        value: In units of the model output.
        error: Bound of the rounding error, or standard error.
        status: How it is known, one of `STATUS`.
        key: The coalition.
    """

    name: str
    value: float
    error: float
    status: str
    key: Coalition


@dataclass(frozen=True, eq=False, repr=False)
class Interactions(Result):
    """Effects of coalitions among many players, of which only some were looked at.

    Attributes:
        members: The C coalitions that were looked at in some example, (C, k), int64: players ascending, −1
            behind them; by size, then lexicographic, ∅ left out.
        values: Shape (B, C), float64; NaN where that example's was not looked at.
        errors: Shape (B, C): bound of the rounding error, or standard error of an estimate.
        status: Shape (B, C), uint8: how each is known, a number of `STATUS`.
        names: Names of the n players.
        index: What the values are: ``Moebius``, ``Taylor``, ``integrated_hessians`` or an interaction index;
            `meaning` says it in words.
        order: Largest size of a coalition that was asked about.
        way: For each example, the way that was taken.
        evaluations: Model outputs computed for each example.
        products: Hessian-vector products or gradients taken for each example.
        complete: For each example, whether every coalition of up to `order` players that is not listed is
            known to be zero: proved, or with the risk in `confidence`.
        confidence: For each example, numbers and a ``sentence`` about what is known of the rest.
        delta: f(x) − f(b), shape (B,).
        f_input: f(x), shape (B,).
        f_baseline: f(b), shape (B,).
        may_meet: Bool (B, n, n): False is a proof that no coalition with both players has any effect; None
            where nobody looked.
        diagnostics: What a reader must know about the computation; JSON-able.
    """

    example_axes: ClassVar = in_rows(
        "values errors status way evaluations products complete confidence delta f_input f_baseline may_meet"
    )

    members: Tensor
    values: Tensor
    errors: Tensor
    status: Tensor
    names: tuple[str, ...]
    index: str
    order: int
    way: tuple[str, ...]
    evaluations: tuple[int, ...]
    products: tuple[int, ...]
    complete: tuple[bool, ...]
    confidence: tuple[dict[str, Any], ...]
    delta: Tensor
    f_input: Tensor
    f_baseline: Tensor
    may_meet: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        shape = tuple(self.values.shape)
        if self.values.ndim != 2 or self.members.ndim != 2 or len(self.members) != shape[1]:
            raise ShapeError(
                f"members and values have shapes {tuple(self.members.shape)} and {shape}; expected "
                "(C, k) and (B, C)"
            )
        if self.errors.shape != shape or self.status.shape != shape:
            raise ShapeError(
                f"errors and status have shapes {tuple(self.errors.shape)} and {tuple(self.status.shape)}; "
                f"expected {shape}"
            )
        lists = (self.way, self.evaluations, self.products, self.complete, self.confidence)
        if any(len(entries) != shape[0] for entries in lists):
            raise ShapeError(f"way, evaluations, products, complete, confidence need {shape[0]} entries each")
        require_per_example(self.values, delta=self.delta, f_input=self.f_input, f_baseline=self.f_baseline)
        if len(self.members) and not -1 <= int(self.members.min()) <= int(self.members.max()) < self.n:
            raise ShapeError(f"members name players outside 0 … {self.n - 1}")
        if self.may_meet is not None and tuple(self.may_meet.shape) != (shape[0], self.n, self.n):
            raise ShapeError(f"may_meet has shape {tuple(self.may_meet.shape)}; expected (B, n, n)")
        if self.index not in MEANINGS and self.index not in INDICES:
            raise OptionError(f"index={self.index!r}; known: {', '.join([*MEANINGS, *INDICES])}")
        if self.status.numel() and int(self.status.max()) >= len(STATUS):
            raise ShapeError(f"status holds {int(self.status.max())}; expected 0 … {len(STATUS) - 1}")

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.names)

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return self.values.shape[0]

    @property
    def meaning(self) -> str:
        """What a value is, in words."""
        return MEANINGS.get(self.index) or f"the interaction index {self.index} of order {self.order}"

    @cached_property
    def sizes(self) -> np.ndarray:
        """|S| of each column, shape (C,)."""
        return (self.members >= 0).sum(1).numpy()

    @cached_property
    def coalitions(self) -> list[Coalition]:
        """The coalition of each column."""
        rows = self.members.tolist()
        return [tuple(row[:size]) for row, size in zip(rows, self.sizes.tolist(), strict=True)]

    @cached_property
    def _places(self) -> dict[Coalition, int]:
        return {coalition: place for place, coalition in enumerate(self.coalitions)}

    def _coalition(self, players: str | int | Iterable[str | int]) -> Coalition:
        several = (players,) if isinstance(players, (str, int)) else tuple(players)
        return tuple(sorted({player_position(p, self.names) for p in several}))

    def effect(self, players: str | int | Iterable[str | int]) -> Tensor:
        """Return the value of one coalition, shape (B,): 0 where that is proved, NaN where it is not known.

        Args:
            players: Names or numbers of its players, in any order.

        Raises:
            OptionError: If there is no such player.
        """
        coalition = self._coalition(players)
        place = self._places.get(coalition)
        known = torch.full_like(self.delta, torch.nan) if place is None else self.values[:, place].clone()
        for example in range(self.batch):
            if torch.isnan(known[example]) and self._is_zero(coalition, example):
                known[example] = 0.0
        return known

    def __getitem__(self, players: str | int | Iterable[str | int]) -> Tensor:
        """Return the value of one coalition; see `effect`."""
        return self.effect(players)

    def known_as(self, players: str | int | Iterable[str | int]) -> list[str]:
        """Return for each example how the value of a coalition is known.

        One of `STATUS`, ``proved zero`` (the program has no operation where its players meet), or ``zero``
        (what was measured leaves no room for it; see `confidence`).
        """
        coalition = self._coalition(players)
        place = self._places.get(coalition)
        words = []
        for example in range(self.batch):
            if place is not None and int(self.status[example, place]) != NOT_LOOKED_AT:
                words.append(STATUS[int(self.status[example, place])])
            elif self._proved(coalition, example):
                words.append("proved zero")
            else:
                words.append("zero" if self._is_zero(coalition, example) else STATUS[NOT_LOOKED_AT])
        return words

    def _proved(self, coalition: Coalition, example: int) -> bool:
        if self.may_meet is None or len(coalition) < 2 or self.index not in ("Moebius", "Taylor"):
            return False
        players = list(coalition)
        return not bool(self.may_meet[example][players][:, players].all())

    def _is_zero(self, coalition: Coalition, example: int) -> bool:
        listed = self.complete[example] and 1 <= len(coalition) <= self.order
        return self._proved(coalition, example) or listed

    def top(self, k: int = 10, *, order: int | None = None) -> list[list[Interaction]]:
        """Return the k entries largest in size for each example.

        Args:
            k: How many.
            order: Only coalitions of this size; None: of all sizes.
        """
        require_whole_number("k", k, 0)
        require_whole_number("order", order, optional=True)
        return [self._top_of(example, k, order) for example in range(self.batch)]

    def _top_of(self, example: int, k: int, order: int | None) -> list[Interaction]:
        sizes = torch.nan_to_num(self.values[example].abs(), nan=0.0)
        if order is not None:
            sizes = torch.where(torch.from_numpy(self.sizes == order), sizes, 0.0)
        places = torch.topk(sizes, min(k, int((sizes > 0).sum()))).indices.tolist()
        return [self._entry(example, place) for place in places]

    def _entry(self, example: int, place: int) -> Interaction:
        size = int(self.sizes[place])
        coalition = tuple(self.members[place, :size].tolist())
        return Interaction(
            " × ".join(self.names[i] for i in coalition),
            float(self.values[example, place]),
            float(self.errors[example, place]),
            STATUS[int(self.status[example, place])],
            coalition,
        )

    @cached_property
    def total(self) -> Tensor:
        """Sum of the known entries, shape (B,)."""
        return torch.nan_to_num(self.values, nan=0.0).sum(1)

    @cached_property
    def gap(self) -> Tensor:
        """f(x) − f(b) − Σ of the entries, shape (B,): what larger coalitions do, and what was not looked at.

        Of the indices whose values do not add up to delta (SII, BII, CHII) it means nothing.
        """
        return self.delta - self.total

    def of_size(self, s: int) -> tuple[Tensor, Tensor]:
        """Return the coalitions of one size, (C_s, s), and their values, (B, C_s)."""
        require_whole_number("s", s)
        here = torch.from_numpy(self.sizes == s)
        return self.members[here][:, :s], self.values[:, here]

    def _selected(self, index: list[int]) -> dict[str, Any]:
        """Return the coalitions that were looked at in some of the examples, with their columns."""
        seen = (self.status[index] != NOT_LOOKED_AT).any(0)
        columns = {name: getattr(self, name)[index][:, seen] for name in ("values", "errors", "status")}
        return {"members": self.members[seen], **columns}

    @classmethod
    def _concatenated(cls, parts: Sequence[Self], counts: Sequence[int]) -> dict[str, Any]:
        """Return the columns of all coalitions that were looked at anywhere, and what is proved."""
        known = [part.may_meet for part in parts]
        meet = None
        if any(table is not None for table in known):
            open_pairs = [
                torch.ones(count, part.n, part.n, dtype=torch.bool)
                for part, count in zip(parts, counts, strict=True)
            ]
            meet = torch.cat([u if t is None else t for t, u in zip(known, open_pairs, strict=True)])
        return {**columns_of([entries for part in parts for entries in part.examples()]), "may_meet": meet}

    def examples(self) -> list[Entries]:
        """Return what was looked at in each example."""
        parts = []
        for example in range(self.batch):
            seen = self.status[example] != NOT_LOOKED_AT
            columns = (self.values, self.errors, self.status)
            parts.append(Entries(self.members[seen].numpy(), *(c[example, seen].numpy() for c in columns)))
        return parts

    def to_shapiq(self, example: int | None = None) -> Any:
        """Return shapiq's ``InteractionValues`` of one example; its lookup holds what was looked at.

        Raises:
            MissingExtraError: If shapiq is not installed.
            OptionError: If there are several examples and none is chosen, or shapiq knows no such index.
        """
        if example is None and self.batch != 1:
            raise OptionError(f"the result holds {self.batch} examples; say which: to_shapiq(example=0)")
        if self.index in MEANINGS and self.index != "Moebius":
            raise OptionError(
                f"shapiq has no index {self.index!r}; take the way 'exact', 'sparse' or 'sketch'"
            )
        try:
            InteractionValues = importlib.import_module("shapiq").InteractionValues
        except ImportError as error:
            raise MissingExtraError(
                "to_shapiq() needs shapiq, which is not installed: pip install 'taylorattr[shapiq]'"
            ) from error
        one = self.select([example or 0])
        lookup = {(): 0, **{coalition: place + 1 for place, coalition in enumerate(one.coalitions)}}
        return InteractionValues(
            np.concatenate([one.f_baseline.numpy(), one.values[0].numpy()]),
            index="BV" if self.index == "Banzhaf" else self.index,
            max_order=max(self.order, int(one.sizes.max(initial=1))),
            n_players=self.n,
            min_order=0,
            interaction_lookup=lookup,
            estimated=not one.complete[0],
            baseline_value=float(one.f_baseline[0]),
        )

    def __repr__(self) -> str:
        """Show the way, what it cost, the confidence and the largest entries of the first few examples."""
        lines = [
            f"Interactions: {self.n} players, order ≤ {self.order}, {self.batch} example(s); values are "
            f"{self.index}"
        ]
        for e in range(min(self.batch, 3)):
            spent = f"{self.evaluations[e]:,} evaluations"
            spent += f", {self.products[e]} derivative products" if self.products[e] else ""
            lines.append(
                f"  example {e}: way {self.way[e]} ({spent}); delta = {float(self.delta[e]):.6g}, sum of "
                f"entries = {float(self.total[e]):.6g}"
            )
            lines.append(f"    {self.confidence[e].get('sentence', '')}")
            entries = self._top_of(e, 8, None)
            width = max((len(entry.name) for entry in entries), default=0)
            lines += [
                f"    {entry.name:<{width}}  {entry.value:+.6g}  ± {entry.error:.1g}  {entry.status}"
                for entry in entries
            ]
        if self.batch > 3:
            lines.append(f"  … and {self.batch - 3} more examples")
        return "\n".join(lines)


class Entries(NamedTuple):
    """What was looked at in one example.

    Attributes:
        members: (C, k), −1 behind the players.
        values: (C,).
        errors: (C,).
        status: (C,).
    """

    members: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    status: np.ndarray


def columns_of(entries: Sequence[Entries]) -> dict[str, Tensor]:
    """Return the entries of all examples as columns of the coalitions that were looked at in any of them.

    Args:
        entries: One per example.

    Returns:
        The fields ``members``, ``values``, ``errors`` and ``status`` of `Interactions`.
    """
    width = max([1, *(part.members.shape[1] for part in entries)])
    padded = [
        np.pad(part.members, ((0, 0), (0, width - part.members.shape[1])), constant_values=-1)
        for part in entries
    ]
    everything = np.concatenate([np.zeros((0, width), dtype=np.int64), *padded])
    members, places = np.unique(everything, axis=0, return_inverse=True)
    order = np.lexsort((*members.T[::-1], (members >= 0).sum(1)))
    members, places = members[order], np.argsort(order)[places.reshape(-1)]
    shape = len(entries), len(members)
    values, errors = np.full(shape, np.nan), np.zeros(shape)
    status = np.zeros(shape, dtype=np.uint8)
    start = 0
    for example, part in enumerate(entries):
        where = places[start : start + len(part.members)]
        start += len(part.members)
        values[example, where], errors[example, where] = part.values, part.errors
        status[example, where] = part.status
    columns = {"members": members, "values": values, "errors": errors, "status": status}
    return {name: torch.from_numpy(column) for name, column in columns.items()}

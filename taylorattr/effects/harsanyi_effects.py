"""HarsanyiEffects: J(S) per coalition, exact for any model; and the interaction indices made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.effects.coalition_table import CoalitionTable, check_frame
from taylorattr.errors import OptionError, ShapeError
from taylorattr.maths.frames import other_frame_
from taylorattr.maths.interaction_indices import interaction_index

SHAPIQ_NAMES = {"SV": "SV", "Banzhaf": "BV", "SII": "SII", "k-SII": "k-SII", "STII": "STII", "FSII": "FSII"}
"""Our index names -> shapiq's."""


@dataclass(frozen=True, eq=False, repr=False)
class InteractionIndex(CoalitionTable):
    """An interaction index per coalition with |S| ≤ order; ∅ carries f(b).

    Attributes:
        index: ``SV``, ``Banzhaf``, ``SII``, ``k-SII``, ``STII`` or ``FSII``; the other fields are those of
            :class:`~taylorattr.effects.coalition_table.CoalitionTable`.
    """

    index: str = "SV"

    def to_shapiq(self, example: int | None = None) -> Any:
        """Return shapiq's ``InteractionValues`` of one example.

        Raises:
            MissingExtraError: If shapiq is not installed.
            OptionError: If there are several examples and none is chosen.
        """
        return self._to_shapiq(SHAPIQ_NAMES[self.index], self.values, example)

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

    error_bound: Tensor | None = None
    truncated_at: int | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        super().__post_init__()
        expected = (self.batch, self.largest_order + 1)
        if self.error_bound is not None and self.error_bound.shape != expected:
            raise ShapeError(f"error_bound has shape {tuple(self.error_bound.shape)}; expected {expected}")

    def _full_in_baseline_frame(self, of_truncated: bool, wanted: str) -> np.ndarray:
        """Return a full table (B, 2^n) in frame b that the caller may write to."""
        if not (self.full and self.truncated_at is None) and not of_truncated:
            taylor, size = self.truncated_at, self.max_order
            what = f"|S| ≤ {size}" if taylor is None else f"Taylor terms of order ≤ {taylor}"
            raise OptionError(
                f"{wanted} needs every effect, and this table holds {what} only; compute the full one with "
                "harsanyi(...), or pass of_truncated=True to take what is missing as zero"
            )
        if self.full:
            table = self.values.numpy().copy()
        elif self.n <= 26:
            table = np.zeros((self.batch, 1 << self.n), dtype=self.values.numpy().dtype)
            table[:, self.masks] = self.values.numpy()
        else:
            raise OptionError(
                f"{wanted} works on all 2**{self.n} coalitions; group variables with players=..."
            )
        return other_frame_(table, "input") if self.frame == "input" else table

    def index(self, name: str, order: int | None = None, *, of_truncated: bool = False) -> InteractionIndex:
        """Return the sums Σ_{T⊇S} c(|S|, |T|) J(T) that an interaction index is, eq. (62), (63).

        Effects in frame ``input`` are converted by eq. (8) first.

        Args:
            name: ``SV``, ``Banzhaf``, ``SII``, ``k-SII``, ``STII`` or ``FSII``.
            order: Largest |S|; default 1 for SV and Banzhaf, 2 for the others.
            of_truncated: Allow a table that does not hold everything; what it lacks counts as zero.

        Returns:
            The index for every |S| ≤ order, in the frame ``baseline``.

        Raises:
            OptionError: If the name is unknown, the order out of range, or the table truncated.
        """
        table = self._full_in_baseline_frame(of_truncated, f"the index {name}")
        values = interaction_index(table, name, order)
        size = 1 if name in ("SV", "Banzhaf") else min(2, self.n) if order is None else order
        complete = self.full and self.truncated_at is None
        return InteractionIndex(
            values=torch.from_numpy(values),
            names=self.names,
            frame="baseline",
            delta=self.delta,
            f_input=self.f_input,
            f_baseline=self.f_baseline,
            max_order=size,
            diagnostics={} if complete else {"of_truncated": True},
            index=name,
        )

    def in_frame(self, frame: Frame) -> HarsanyiEffects:
        """Return the effects of a full table in the given frame, by eq. (8).

        Rounding errors of J(S) become sums over its supersets, so the error bound is not carried over.

        Raises:
            OptionError: If the table is truncated.
        """
        check_frame(frame)
        if frame == self.frame:
            return self
        if not self.full:
            raise OptionError(
                f"frame {frame} sums over all supersets, and this table holds |S| ≤ {self.max_order} only; "
                f"compute it with harsanyi(..., frame={frame!r})"
            )
        table = other_frame_(self.values.numpy().copy(), self.frame)
        return HarsanyiEffects(
            values=torch.from_numpy(table),
            names=self.names,
            frame=frame,
            delta=self.delta,
            f_input=self.f_input,
            f_baseline=self.f_baseline,
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

    def summary(self, k: int = 8, examples: int = 3) -> str:
        """Return a text with the k largest effects of the first few examples."""
        title = "HarsanyiEffects"
        if self.truncated_at is not None:
            title += f" (Taylor terms of order ≤ {self.truncated_at})"
        return self._lines(title, k, examples)

    def __repr__(self) -> str:
        """Show the largest effects with their names, f, delta and the frame."""
        return self.summary()

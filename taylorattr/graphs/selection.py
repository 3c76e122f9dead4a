"""Which edges or coalitions a graph shows: the strongest, above a threshold, or enough to hold a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.errors import BudgetError, OptionError

MOST_EDGES = 20_000
"""Most edges or coalitions a graph holds unless it is told which to show."""


@dataclass(frozen=True)
class Selection:
    """How much is shown; what is given together holds together.

    Attributes:
        top: At most this many.
        threshold: Only sizes of at least this; None leaves out what rounding explains.
        min_share: The fewest strongest that together have this share of the sum of all sizes.
    """

    top: int | None = None
    threshold: float | None = None
    min_share: float | None = None

    def __post_init__(self) -> None:
        """Check the three.

        Raises:
            OptionError: If one is out of range.
        """
        if self.top is not None and (not isinstance(self.top, int) or self.top < 0):
            raise OptionError(f"top={self.top!r}; expected a whole number from 0 on, or None for all")
        if self.threshold is not None and not self.threshold >= 0:
            raise OptionError(
                f"threshold={self.threshold!r}; expected a size from 0 on, in units of the output"
            )
        if self.min_share is not None and not 0 <= self.min_share <= 1:
            raise OptionError(f"min_share={self.min_share!r}; expected a share from 0 to 1")

    @property
    def everything(self) -> bool:
        """Whether nothing was asked to be left out."""
        return self.top is None and not self.threshold and self.min_share is None

    def of(self, sizes: np.ndarray, what: str, rounding: float = 0.0) -> np.ndarray:
        """Return the positions to show, strongest first; ties keep their order.

        Args:
            sizes: What there is, shape (P,), non-negative.
            what: What is chosen among, for the message.
            rounding: Sizes up to this are rounding.

        Raises:
            BudgetError: If more than ``MOST_EDGES`` remain although nothing was chosen.
        """
        order = np.argsort(-sizes, kind="stable")
        least = rounding if self.threshold is None else self.threshold
        large = sizes[order] > 0
        large &= sizes[order] >= least if self.threshold is not None else sizes[order] > least
        chosen = order[large]
        if self.min_share is not None:
            # the slack lets all of them be enough for a share of 1, however their sums are rounded
            reached = np.cumsum(sizes[chosen]) >= self.min_share * sizes.sum() * (1 - 1e-12)
            enough = int(reached.argmax()) + 1 if reached.any() else len(chosen)
            chosen = chosen[: enough if self.min_share > 0 else 0]
        chosen = chosen[: self.top]
        if self.everything and len(chosen) > MOST_EDGES:
            raise BudgetError(
                f"{len(chosen)} {what} are too many for a graph (limit {MOST_EDGES}); show the strongest "
                "with top=, threshold= or min_share=, or group elements with players=..."
            )
        return chosen

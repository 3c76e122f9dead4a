"""Which terms a restricted rule shares out: up to an order, of few players, or of listed supports."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorattr.allocation.symbols import Expr, Indicator, m, s
from taylorattr.errors import OptionError


@dataclass(frozen=True)
class Gate:
    """A choice of terms.

    Attributes:
        limit: Largest |κ| or |supp κ| that passes; None for listed supports.
        by_order: Whether the limit is one of |κ|.
        supports: The supports that pass; None for a limit.
    """

    limit: int | None = None
    by_order: bool = False
    supports: frozenset[tuple[int, ...]] | None = None

    @classmethod
    def of(cls, order: Any, size: Any, supports: Any) -> Gate:
        """Read what a user gives.

        Args:
            order: Largest |κ|, or None.
            size: Largest |supp κ|, or None.
            supports: Coalitions, or None.

        Returns:
            The gate.

        Raises:
            OptionError: Not exactly one is given, a limit below 1, or a coalition that is none.
        """
        if sum(each is not None for each in (order, size, supports)) != 1:
            raise OptionError(
                "restrict takes one of order= (of terms), size= (players of an effect) and supports= (the "
                "effects themselves)"
            )
        if supports is not None:
            return cls(supports=_coalitions(supports))
        limit = order if size is None else size
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise OptionError(f"a limit of {limit!r}; expected a whole number, at least 1")
        return cls(limit, size is None)

    @property
    def of_supports(self) -> bool:
        """Whether it looks only at who is in a term."""
        return not self.by_order

    @property
    def formula(self) -> Expr | None:
        """The gate as a factor of a ratio; None for listed supports."""
        return None if self.limit is None else Indicator((m if self.by_order else s) <= self.limit)

    @property
    def words(self) -> str:
        """The gate for a reader."""
        if self.supports is not None:
            return f"S among {len(self.supports)} supports"
        return f"{'m' if self.by_order else 's'} ≤ {self.limit}"

    def passes(self, kappas: np.ndarray) -> np.ndarray:
        """Return which multi-indices (M, n) pass, shape (M,), bool."""
        if self.supports is None:
            return np.asarray((kappas if self.by_order else kappas > 0).sum(axis=1) <= self.limit)
        return np.array([tuple(np.flatnonzero(row).tolist()) in self.supports for row in kappas], dtype=bool)


def _coalitions(supports: Collection[Collection[int]]) -> frozenset[tuple[int, ...]]:
    try:
        found = frozenset(tuple(sorted({int(player) for player in coalition})) for coalition in supports)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"supports: {error}; give coalitions of players by number: [(0,), (0, 2)]"
        ) from None
    if not found or () in found or min(min(coalition) for coalition in found) < 0:
        raise OptionError(
            f"supports={list(supports)!r}; give coalitions of at least one player, numbered from 0"
        )
    return found

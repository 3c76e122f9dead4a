"""On which side of its kinks an operation stands: three kinds of state, and when one has switched."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Sides of fixed cuts (ReLU at 0, clamp at its limits): −1, 0 on the cut, 1.

    Touching the cut without passing it is no switch.
    """

    side: Tensor

    @property
    def read(self) -> Tensor:
        """All that is to be known of it, one tensor."""
        return self.side

    @staticmethod
    def of_read(read: Tensor) -> Thresholds:
        """Return the state of which this was read."""
        return Thresholds(read)

    def gates(self) -> int:
        """Number of elements times cuts."""
        return self.side.numel()

    def undecided(self) -> int:
        """Number of gates exactly on their cut."""
        return int((self.side == 0).sum())

    def switched(self, later: Thresholds) -> Tensor:
        """Which gates stand on the other side later."""
        return self.side * later.side < 0

    def then(self, later: Thresholds) -> Thresholds:
        """The last side taken: later's, or this one's where later is on the cut."""
        return Thresholds(torch.where(later.side == 0, self.side, later.side))


@dataclass(frozen=True, slots=True)
class Contest:
    """Who wins each maximum (max-pooling, amax, maximum) of k candidates: the winners, shape (…, k)."""

    winners: Tensor

    @staticmethod
    def of(candidates: Tensor) -> Contest:
        """The contest for the largest along the last dimension; several may win."""
        return Contest(candidates == candidates.amax(-1, keepdim=True))

    @property
    def read(self) -> Tensor:
        """All that is to be known of it, one tensor."""
        return self.winners

    @staticmethod
    def of_read(read: Tensor) -> Contest:
        """Return the state of which this was read."""
        return Contest(read)

    def gates(self) -> int:
        """Number of contests."""
        return self.winners[..., 0].numel()

    def undecided(self) -> int:
        """Number of contests that several candidates win exactly."""
        return int((self.winners.sum(-1) > 1).sum())

    def switched(self, later: Contest) -> Tensor:
        """Which contests none of these winners wins later."""
        return ~(self.winners & later.winners).any(-1)

    def then(self, later: Contest) -> Contest:
        """Later's contest; among several winners those that win already."""
        still = self.winners & later.winners
        return Contest(torch.where(still.any(-1, keepdim=True), still, later.winners))


@dataclass(frozen=True, slots=True)
class Levels:
    """A discrete result (rounding, sort order, equality): it jumps whenever it differs."""

    level: Tensor

    @property
    def read(self) -> Tensor:
        """All that is to be known of it, one tensor."""
        return self.level

    @staticmethod
    def of_read(read: Tensor) -> Levels:
        """Return the state of which this was read."""
        return Levels(read)

    def gates(self) -> int:
        """Number of elements."""
        return self.level.numel()

    def undecided(self) -> int:
        """None: whether a level is on the point of changing is not known."""
        return 0

    def switched(self, later: Levels) -> Tensor:
        """Which elements differ later."""
        return self.level != later.level

    def then(self, later: Levels) -> Levels:
        """Later's levels."""
        return later


State = Thresholds | Contest | Levels
"""Every state compares with a later one of its own kind."""

"""What one row of the table compares: our computation, a floor below which nobody can go, and peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Computation = Callable[[], Any]

MIB = 2.0**20
"""Bytes."""


@dataclass(frozen=True)
class AtMostFloor:
    """Our time is at most ``factor`` times the floor's."""

    factor: float

    def __str__(self) -> str:
        """As printed in the table."""
        return f"≤ {self.factor:g} × floor"


@dataclass(frozen=True)
class AboveFloor:
    """Our time is at most that of the floor and so many milliseconds."""

    milliseconds: float

    def __str__(self) -> str:
        """As printed in the table."""
        return f"≤ floor + {self.milliseconds:g} ms"


@dataclass(frozen=True)
class FasterThanPeer:
    """The named peer takes at least ``factor`` times as long as we do."""

    factor: float
    peer: str

    def __str__(self) -> str:
        """As printed in the table."""
        return f"≥ {self.factor:g} × faster than {self.peer}"


@dataclass(frozen=True)
class MemoryAtMost:
    """Our peak memory is at most ``mebibytes``."""

    mebibytes: float

    def __str__(self) -> str:
        """As printed in the table."""
        return f"≤ {self.mebibytes:g} MiB"


@dataclass(frozen=True)
class DifferenceAtMost:
    """Our result differs from the reference by at most ``relative``."""

    relative: float

    def __str__(self) -> str:
        """As printed in the table."""
        return f"error ≤ {self.relative:g}"


Goal = AtMostFloor | AboveFloor | FasterThanPeer | MemoryAtMost | DifferenceAtMost


@dataclass(frozen=True)
class Contest:
    """Computations of the same thing, on the same data, in one process.

    Attributes:
        ours: This package.
        floor: Work that no implementation can avoid, for example the bare forward passes.
        peers: Other libraries or the obvious other way, by name.
        difference: From the results by name (``"ours"``, a peer's) to the largest difference, relative to the
            largest entry; None where there is nothing to compare with.
    """

    ours: Computation
    floor: Computation | None = None
    peers: Mapping[str, Computation] = field(default_factory=dict)
    difference: Callable[[Mapping[str, Any]], float | None] | None = None

    def computations(self) -> dict[str, Computation]:
        """Return all of them by name, ours first."""
        floor = {"floor": self.floor} if self.floor is not None else {}
        return {"ours": self.ours, **floor, **self.peers}


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        item: What is computed.
        build: Makes the data and networks; called when the row's turn comes.
        goals: What was set out to be reached.
        quick: Whether the row belongs to a quick run.
        floor: What the floor is, in words.
    """

    item: str
    build: Callable[[], Contest]
    goals: tuple[Goal, ...] = ()
    quick: bool = False
    floor: str = ""


def relative(result: Any, reference: Any) -> float:
    """Return max |result − reference| / max |reference|.

    Args:
        result: Array or tensor.
        reference: Array or tensor of the same number of entries.

    Returns:
        The largest difference, relative to the largest entry of the reference.
    """
    a, b = (np.asarray(value, dtype=np.float64).reshape(-1) for value in (result, reference))
    return float(np.abs(a - b).max() / np.abs(b).max())

"""The table: one line per case, as text for the screen or as markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.contest import (
    MIB,
    AboveFloor,
    AtMostFloor,
    Case,
    DifferenceAtMost,
    FasterThanPeer,
    Goal,
    MemoryAtMost,
)

COLUMNS = (
    "item", "ours", "floor", "ours / floor", "peers", "peer / ours", "memory", "peers' memory", "difference",
    "goal", "met",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What was measured for one case.

    Attributes:
        case: The case.
        seconds: CPU seconds by name; ``"ours"``, ``"floor"``, peers.
        bytes: Peak bytes by name, for those that were measured.
        difference: Largest relative difference from the reference, None without one.
    """

    case: Case
    seconds: dict[str, float]
    bytes: dict[str, int]
    difference: float | None

    @property
    def peers(self) -> list[str]:
        """Names of the peers that took part."""
        return [name for name in self.seconds if name not in ("ours", "floor")]

    def reached(self, goal: Goal) -> bool | None:
        """Return whether a goal is met, None if what it compares with was not measured."""
        ours = self.seconds["ours"]
        match goal:
            case AtMostFloor(factor):
                return ours <= factor * self.seconds["floor"] if "floor" in self.seconds else None
            case AboveFloor(milliseconds):
                floor = self.seconds.get("floor")
                return None if floor is None else ours <= floor + 1e-3 * milliseconds
            case FasterThanPeer(factor, peer):
                return self.seconds[peer] >= factor * ours if peer in self.seconds else None
            case MemoryAtMost(mebibytes):
                return self.bytes["ours"] <= mebibytes * MIB if "ours" in self.bytes else None
            case DifferenceAtMost(bound):
                return self.difference <= bound if self.difference is not None else None

    def cells(self) -> tuple[str, ...]:
        """Return the line of the table."""
        ours = self.seconds["ours"]
        floor = self.seconds.get("floor")
        return (
            self.case.item,
            duration(ours),
            duration(floor) if floor is not None else "–",
            f"{ours / floor:.2f}" if floor else "–",
            _listed(self.peers, lambda name: f"{name} {duration(self.seconds[name])}"),
            _listed(self.peers, lambda name: f"{self.seconds[name] / ours:.3g}"),
            size(self.bytes.get("ours")),
            _listed(self.peers, lambda name: size(self.bytes.get(name))),
            f"{self.difference:.0e}" if self.difference is not None else "–",
            "; ".join(str(goal) for goal in self.case.goals) or "–",
            "; ".join(MET[self.reached(goal)] for goal in self.case.goals) or "–",
        )


MET = {True: "yes", False: "no", None: "not measured"}


def duration(seconds: float) -> str:
    """Return the time with three significant digits and its unit."""
    if seconds >= 1.0:
        return f"{seconds:.3g} s"
    return f"{1e3 * seconds:.3g} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.3g} µs"


def size(count: int | None) -> str:
    """Return the bytes in MiB, "–" where they were not measured."""
    return "–" if count is None else f"{count / MIB:.3g} MiB"


def _listed(names: Sequence[str], text: Callable[[str], str]) -> str:
    """Return one text per name, or a dash."""
    return "; ".join(text(name) for name in names) or "–"


def text(rows: Sequence[Sequence[str]]) -> str:
    """Return the lines with their columns aligned."""
    lines = [COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return the lines as a markdown table."""
    return piped([COLUMNS, *rows])


def piped(rows: Sequence[Sequence[str]]) -> str:
    """Return lines, the first of them the head, as a markdown table."""
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

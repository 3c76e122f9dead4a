"""Verdict: whether one criterion holds, where, and what shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from taylorattr.effects.result import Result

Criterion: TypeAlias = Literal["coverage", "no_leak", "complete"]
"""C1, C2, C3 of docs/theory.md §3."""

Status: TypeAlias = Literal["holds", "fails", "conditional", "holds_to", "undecided"]
"""On paper: holds, fails, conditional. Measured: holds, holds_to (a tolerance), fails, undecided."""

MARKS: dict[str, str] = {
    "holds": "✓", "fails": "✗", "conditional": "(✓)", "holds_to": "≈", "undecided": "?",
}  # fmt: skip

GRAVITY: dict[Status, int] = {"fails": 3, "undecided": 2, "holds_to": 1, "holds": 0, "conditional": 0}


@dataclass(frozen=True, eq=False, repr=False)
class Verdict(Result):
    """Whether one criterion holds.

    Attributes:
        status: The answer.
        criterion: ``coverage`` (every effect is given to somebody), ``no_leak`` (nobody gets an effect he has
            no part in) or ``complete`` (each effect is handed out exactly once).
        frame: Frame of the effects.
        level: ``term`` (one κ), ``effect`` (ψ_i, J(S)), or ``unit`` for the effects of one unit of a network.
        condition: Where it holds, if not everywhere; else empty.
        statistic: What was measured, scale-free; None on paper.
        tolerance: What the statistic is compared with; None on paper.
        statement: Why: the identity or theorem that proves it, or what was found.
        witness: The smallest counterexample, or the worst case measured; empty where there is none.
    """

    status: Status
    criterion: Criterion
    frame: str
    level: str
    condition: str = ""
    statistic: float | None = None
    tolerance: float | None = None
    statement: str = ""
    witness: str = ""

    @property
    def holds(self) -> bool:
        """Whether the status is ``holds``."""
        return self.status == "holds"

    @property
    def mark(self) -> str:
        """✓, ✗, (✓), ≈ or ?."""
        return MARKS[self.status]

    def __repr__(self) -> str:
        """Show the answer in one line."""
        parts = [f"{self.criterion} {self.status} ({self.level} level, frame {self.frame})"]
        if self.condition:
            parts.append(f"where {self.condition}")
        if self.statistic is not None:
            parts.append(f"measured {self.statistic:.2g}, tolerance {self.tolerance or 0:.2g}")
        parts += [part for part in (self.statement, self.witness) if part]
        return "; ".join(parts)


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that is worst: fails before undecided before holds_to before holds."""
    return max(verdicts, key=lambda v: (GRAVITY[v.status], v.statistic or 0.0))

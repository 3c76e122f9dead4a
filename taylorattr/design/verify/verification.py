"""Verification: what the laws say of a rule, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from taylorattr import tables
from taylorattr.effects.result import Result

Status: TypeAlias = Literal["kept", "broken", "not applicable"]

MARKS: dict[Status, str] = {"kept": "✓", "broken": "✗", "not applicable": "–"}


@dataclass(frozen=True, eq=False, repr=False)
class LawResult(Result):
    """What one law says of a rule.

    Attributes:
        law: Its name.
        status: ``kept``, ``broken`` or ``not applicable``.
        statement: The law, in a sentence.
        found: Where it was kept; what breaks it; why it does not apply.
        case: The smallest case that breaks it; else empty.
    """

    law: str
    status: Status
    statement: str
    found: str
    case: str = ""

    def __repr__(self) -> str:
        """Show the law, and what was found."""
        parts = [f"{self.law} {self.status}", self.found, *([self.case] if self.case else [])]
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True, eq=False, repr=False)
class Verification(Result):
    """What the laws say of a rule.

    Attributes:
        rule: Name of the rule.
        formula: Its ratio.
        seed: Of everything that was drawn.
        laws: What each law says.
    """

    rule: str
    formula: str
    seed: int
    laws: tuple[LawResult, ...]

    def of(self, status: Status) -> tuple[LawResult, ...]:
        """Return the laws of one status."""
        return tuple(each for each in self.laws if each.status == status)

    @property
    def broken(self) -> tuple[LawResult, ...]:
        """The laws that are broken."""
        return self.of("broken")

    @property
    def holds(self) -> bool:
        """Whether no law is broken."""
        return not self.broken

    def __getitem__(self, law: str) -> LawResult:
        """Return what one law says.

        Raises:
            KeyError: If it was not looked at.
        """
        for each in self.laws:
            if each.law == law:
                return each
        raise KeyError(f"{law!r} was not looked at; there are: {', '.join(each.law for each in self.laws)}")

    def __repr__(self) -> str:
        """Show the broken laws with their smallest cases, then every law."""
        counts = ", ".join(f"{len(self.of(status))} {status}" for status in MARKS if self.of(status))
        lines = [tables.paragraph(f"{self.rule}: wᵢ(κ) = {self.formula}", 4), f"  laws: {counts}"]
        for each in self.broken:
            lines.append(tables.paragraph(f"✗ {each.law}: {each.statement}", 6, first="  "))
            lines.append(tables.paragraph(each.found, 6))
            lines += [tables.paragraph(f"smallest case: {each.case}", 6)] if each.case else []
        rows = [(f"  {MARKS[e.status]}", e.law, e.found) for e in self.laws if e.status != "broken"]
        lines += [f"{mark} {name.ljust(26)} {found}" for mark, name, found in rows]
        return "\n".join(lines)

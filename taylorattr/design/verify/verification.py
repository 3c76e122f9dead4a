"""``ta.design.verify``: every law of the project on one rule, and the table of what they say."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from taylorattr import tables
from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.build import attributor
from taylorattr.design.designed import DesignedRule
from taylorattr.design.verify.law import LAWS, Broken, Kept, Law, NotApplicable, Outcome
from taylorattr.design.verify.subject import Subject
from taylorattr.effects.result import Result
from taylorattr.errors import BudgetError, OptionError, VerificationError

Status: TypeAlias = Literal["kept", "broken", "not applicable"]

MARKS: dict[Status, str] = {"kept": "✓", "broken": "✗", "not applicable": "–"}
"""Status -> how the table shows it."""


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


def verify(
    rule: DesignedRule | AllocationRule | str,
    *,
    laws: Sequence[str] | None = None,
    seed: int = 0,
    raises: bool = True,
) -> Verification:
    """Hold a rule against the laws that every attribution rule obeys, in one line of a test.

    Verdicts are compared with an enumeration of their own, the attributor with Σ w_i(κ) I(κ) on random
    polynomials and networks (10), each way of computing with the ratio, and the machinery with itself:
    batches, dtypes, seeds, files. What is broken is shown in the smallest case that was found.

    Args:
        rule: A designed rule, a rule of ``ta.RULES``, or a name.
        laws: Names of ``ta.design.LAWS``; None: all.
        seed: Of everything that is drawn; the global generators are left alone.
        raises: Whether a broken law raises; False returns the report all the same.

    Returns:
        What each law says: kept, broken or not applicable, with the reason.

    Raises:
        VerificationError: If a law is broken; an ``AssertionError`` whose message is the report.
        OptionError: If a law is named that there is not, or the rule shares out no effects of players.

    Example:
        >>> import taylorattr as ta
        >>> halves = ta.design.rule("equal_parts", "Indicator(kappa[i] > 0)/s")
        >>> ta.design.verify(halves, laws=["verdicts", "allocation"]).holds
        True
    """
    subject = Subject(attributor(rule), seed)
    unknown = [name for name in laws or () if name not in LAWS]
    if unknown:
        raise OptionError(f"no law is called {unknown[0]!r}; known: {', '.join(LAWS)}")
    chosen = list(LAWS.values()) if laws is None else [LAWS[name] for name in laws]
    report = Verification(
        subject.designed.name,
        subject.designed.formula,
        seed,
        tuple(_looked_at(law, subject) for law in chosen),
    )
    if raises and not report.holds:
        raise VerificationError(repr(report))
    return report


def _looked_at(law: Law, subject: Subject) -> LawResult:
    """Return what one law says, for the table."""
    outcome = _outcome(law, subject)
    stated = {"law": law.name, "statement": law.statement}
    if isinstance(outcome, Kept):
        return LawResult(status="kept", found=outcome.looked_at, **stated)
    if isinstance(outcome, NotApplicable):
        return LawResult(status="not applicable", found=outcome.reason, **stated)
    return LawResult(status="broken", found=outcome.what, case=outcome.case, **stated)


def _outcome(law: Law, subject: Subject) -> Outcome:
    """Return what one law says of a rule; whatever the rule raises breaks it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return law.look(subject)
        except BudgetError as error:
            return NotApplicable(str(error))
        except Exception as error:  # whatever a rule raises breaks the law
            return Broken(f"raised {type(error).__name__}: {error}")

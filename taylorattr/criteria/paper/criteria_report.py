"""CriteriaReport and CriteriaTable: verdicts on paper, as text, markdown, LaTeX or dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from taylorattr import tables
from taylorattr.allocation.rule import RULES
from taylorattr.criteria.verdict import Criterion, Verdict
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError

COLUMN_NAMES: dict[tuple[Criterion, str], str] = {
    ("coverage", "term"): "C1 terms",
    ("coverage", "effect"): "C1 effects",
    ("no_leak", "term"): "C2",
    ("complete", "term"): "C3",
}
"""Criterion and level -> its column."""

COLUMNS = ("rule", "kind", "frame", *COLUMN_NAMES.values())
"""What the table says of each rule and frame, before the reasons."""

REASONS = "why not, or where"
"""Title of the last column."""


def remarks(verdicts: Sequence[Verdict]) -> list[str]:
    """Return why criteria fail and where they hold: a sentence for each failure, and one for each condition.

    An effect that is one term needs no witness beside that of the term.

    Args:
        verdicts: Those of one frame.
    """
    lost = any(v.status == "fails" and (v.criterion, v.level) == ("coverage", "term") for v in verdicts)
    failures = [
        f"{COLUMN_NAMES[v.criterion, v.level]}: {v.witness}"
        + (f" (kept where {v.condition})" if v.condition else "")
        for v in verdicts
        if v.status == "fails" and not (lost and v.level == "effect")
    ]
    conditions: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.status == "conditional":
            conditions.setdefault(verdict.condition, []).append(
                COLUMN_NAMES[verdict.criterion, verdict.level]
            )
    return [*failures, *(f"{', '.join(names)} where {where}" for where, names in conditions.items())]


@dataclass(frozen=True, eq=False, repr=False)
class CriteriaReport(Result):
    """The three criteria of one rule.

    Attributes:
        rule: Name of the rule.
        formula: Its ratio.
        kind: U, S, X, G, R or none.
        source: Where the ratio comes from.
        verdicts: For each frame: coverage of terms and of effects, no leak, complete.
        settings: Number of settings that were enumerated.
        reservations: What the verdicts do not say: depth, references, a constant that is handed out as well.
        extra: Whether the rule lies outside the fifteen methods.
    """

    rule: str
    formula: str
    kind: str
    source: str
    verdicts: tuple[Verdict, ...]
    settings: int
    reservations: tuple[str, ...] = ()
    extra: bool = False

    def verdict(self, criterion: Criterion, *, frame: str | None = None, level: str = "term") -> Verdict:
        """Return one verdict.

        Args:
            criterion: ``coverage``, ``no_leak`` or ``complete``.
            frame: None: the frame the ratio is stated in.
            level: ``term``, or ``effect`` for coverage.

        Raises:
            OptionError: If there is no such verdict.
        """
        wanted = self.verdicts[0].frame if frame is None else frame
        for verdict in self.verdicts:
            if (verdict.criterion, verdict.frame, verdict.level) == (criterion, wanted, level):
                return verdict
        raise OptionError(
            f"{self.rule} has no verdict on {criterion!r} at {level!r} level in frame {wanted!r}; it has: "
            + ", ".join(f"{v.criterion}/{v.level}/{v.frame}" for v in self.verdicts)
        )

    @property
    def coverage(self) -> Verdict:
        """C1 at effect level, in the frame the ratio is stated in."""
        return self.verdict("coverage", level="effect")

    @property
    def no_leak(self) -> Verdict:
        """C2 in the frame the ratio is stated in."""
        return self.verdict("no_leak")

    @property
    def complete(self) -> Verdict:
        """C3 in the frame the ratio is stated in."""
        return self.verdict("complete")

    @property
    def frames(self) -> tuple[str, ...]:
        """Frames with verdicts."""
        return tuple(dict.fromkeys(v.frame for v in self.verdicts))

    def in_frame(self, frame: str) -> CriteriaReport:
        """Return the verdicts of one frame alone.

        Raises:
            OptionError: If there are none.
        """
        if frame not in self.frames:
            others = [rule.name for rule in RULES.of_method(self.rule) if frame in rule.frames]
            raise OptionError(
                f"{self.rule} has no verdicts in frame {frame!r}, only in {' and '.join(self.frames)}"
                + (f"; {' and '.join(others)} has" if others else "")
            )
        return replace(self, verdicts=tuple(v for v in self.verdicts if v.frame == frame))

    def of_frame(self, frame: str) -> list[Verdict]:
        """Return C1 of terms, C1 of effects, C2 and C3 in one frame."""
        return [self.verdict(criterion, frame=frame, level=level) for criterion, level in COLUMN_NAMES]

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per frame: rule, kind, frame, four marks, reasons and reservations."""
        rows = []
        for frame in self.frames:
            verdicts = self.of_frame(frame)
            why = "; ".join([*remarks(verdicts), *self.reservations])
            rows.append((self.rule, self.kind, frame, *(v.mark for v in verdicts), why))
        return rows

    def reasons(self) -> str:
        """Return why criteria fail and where they hold, frame by frame, with the reservations, as text."""
        frames_with: dict[
            tuple[str, ...], list[str]
        ] = {}  # frames of which the same is true are told of once
        for frame in self.frames:
            frames_with.setdefault(tuple(remarks(self.of_frame(frame))), []).append(frame)
        lines = []
        for sentences, frames in frames_with.items():
            lines += [f"{self.rule}, frame {' and '.join(frames)}"] if sentences else []
            lines += [tables.paragraph(sentence, 6, first="    ") for sentence in sentences]
        if self.reservations and not lines:
            lines.append(self.rule)
        lines += [tables.paragraph(sentence, 6, first="    ") for sentence in self.reservations]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Show the formula and every verdict with its reason."""
        lines = [tables.paragraph(f"wᵢ(κ) = {self.formula}", 4, first=f"{self.rule}\n    ")]
        lines.append(tables.paragraph(f"kind {self.kind}; {self.source}", 4))
        for verdict in self.verdicts:
            lines.append(tables.paragraph(repr(verdict), 6, first=f"  {verdict.mark}".ljust(6)))
        lines += [tables.paragraph(words, 6, first="    ") for words in self.reservations]
        return "\n".join(lines)

    def to_markdown(self) -> str:
        """Return the verdicts as a markdown table."""
        return CriteriaTable((self,)).to_markdown()

    def to_latex(self) -> str:
        """Return the verdicts as a LaTeX table."""
        return CriteriaTable((self,)).to_latex()


@dataclass(frozen=True, eq=False, repr=False)
class CriteriaTable(Result):
    """The criteria of several rules.

    Attributes:
        reports: One per rule.
    """

    reports: tuple[CriteriaReport, ...]

    def __getitem__(self, rule: str) -> CriteriaReport:
        """Return the report of a rule."""
        for report in self.reports:
            if report.rule == rule:
                return report
        raise OptionError(f"no report on {rule!r}; there are: {', '.join(r.rule for r in self.reports)}")

    def of(self, rules: Sequence[str]) -> CriteriaTable:
        """Return the table of some of its rules, in this order."""
        return CriteriaTable(tuple(self[rule] for rule in rules))

    def in_frame(self, frame: str) -> CriteriaTable:
        """Return the verdicts of one frame alone; rules that have none there are left out."""
        return CriteriaTable(tuple(r.in_frame(frame) for r in self.reports if frame in r.frames))

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per rule and frame."""
        return [row for report in self.reports for row in report.rows()]

    def __repr__(self) -> str:
        """Show the marks as a table, the reasons below it."""
        marks = tables.text(COLUMNS, [row[:-1] for row in self.rows()])
        reasons = [text for text in (report.reasons() for report in self.reports) if text]
        return "\n".join([marks, *(["", *reasons] if reasons else [])])

    def to_markdown(self) -> str:
        """Return the table in markdown."""
        rows = [(f"`{row[0]}`", *row[1:]) for row in self.rows()]
        return tables.markdown((*COLUMNS, REASONS), rows)

    def to_latex(self) -> str:
        """Return the table in LaTeX, marks as math symbols."""
        rows = [tuple(tables.escaped(cell) for cell in row) for row in self.rows()]
        return tables.latex((*COLUMNS, REASONS), rows, r"lllccccp{9cm}")

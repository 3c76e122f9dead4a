"""CriteriaReport and CriteriaTable: verdicts on paper, as text, markdown, LaTeX or dictionaries."""

from __future__ import annotations

from dataclasses import dataclass

from taylorattr.criteria.verdict import Criterion, Verdict
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError

COLUMNS = ("rule", "kind", "frame", "C1 term", "C1 effect", "C2", "C3", "condition or counterexample")


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
        reservation: What becomes of the ratio in a deep network; empty where κ counts players.
        extra: Whether the rule lies outside the fifteen methods.
    """

    rule: str
    formula: str
    kind: str
    source: str
    verdicts: tuple[Verdict, ...]
    settings: int
    reservation: str = ""
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

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per frame, in the order of `COLUMNS`."""
        rows = []
        for frame in self.frames:
            found = [
                self.verdict("coverage", frame=frame),
                self.verdict("coverage", frame=frame, level="effect"),
                self.verdict("no_leak", frame=frame),
                self.verdict("complete", frame=frame),
            ]
            marks = [v.mark for v in found]
            rows.append((self.rule, self.kind, frame, *marks, _remark(found)))
        return rows

    def __repr__(self) -> str:
        """Show the formula and every verdict with its reason."""
        lines = [f"Criteria of {self.rule}: wᵢ(κ) = {self.formula}  (kind {self.kind}; {self.source})"]
        lines += [f"  {v.mark} {v!r}" for v in self.verdicts]
        if self.reservation:
            lines.append(f"  in a deep network: {self.reservation}")
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

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per rule and frame."""
        return [row for report in self.reports for row in report.rows()]

    def __repr__(self) -> str:
        """Show the table as text."""
        table = [COLUMNS, *self.rows()]
        widths = [max(len(row[k]) for row in table) for k in range(len(COLUMNS) - 1)]
        return "\n".join(
            "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]).rstrip()
            for row in table
        )

    def to_markdown(self) -> str:
        """Return the table in markdown."""
        lines = [COLUMNS, tuple("---" for _ in COLUMNS), *self.rows()]
        return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in lines)

    def to_latex(self) -> str:
        """Return the table in LaTeX, marks as math symbols."""
        symbols = {"✓": r"$\checkmark$", "✗": r"$\times$", "(✓)": r"$(\checkmark)$"}
        body = []
        for row in self.rows():
            cells = [symbols.get(cell, cell.replace("_", r"\_")) for cell in row[:-1]]
            body.append(" & ".join(cells) + r" \\")
        head = " & ".join(COLUMNS[:-1]) + r" \\ \hline"
        return "\n".join([r"\begin{tabular}{lllcccc}", head, *body, r"\end{tabular}"])


def _remark(found: list[Verdict]) -> str:
    parts = []
    for verdict in found:
        if verdict.status == "conditional":
            parts.append(f"where {verdict.condition}")
        if verdict.status == "fails" and verdict.witness:
            name = {"coverage": "C1", "no_leak": "C2", "complete": "C3"}[verdict.criterion]
            kept = f" (kept where {verdict.condition})" if verdict.condition else ""
            parts.append(f"{name}: {verdict.witness}{kept}")
    return "; ".join(dict.fromkeys(parts))

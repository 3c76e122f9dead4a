"""The table of methods × ratios, read off the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taylorattr import tables
from taylorattr.allocation.printing import text
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.effects.result import Result

COLUMNS = ("rule", "ratio wᵢ(κ)", "kind", "frame", "level", "exact for", "source")
"""What the table says of each rule."""


@dataclass(frozen=True, eq=False, repr=False)
class Formula(Result):
    """The ratio of one rule, in words and signs.

    Attributes:
        name: Name of the rule.
        ratio: The ratio as text.
        where: Its abbreviations as text.
        latex: The ratio and its abbreviations in LaTeX.
        kind: U, S, X, G, R or none, docs/theory.md §3.
        frame: Where the effects are expanded: baseline, input or both.
        level: ``term`` or ``support``.
        exact_for: Where the ratio is the method.
        source: Equation of docs/theory.md, and paper.
        extra: Whether the rule lies outside the fifteen methods.
    """

    name: str
    ratio: str
    where: tuple[str, ...]
    latex: str
    kind: str
    frame: str
    level: str
    exact_for: str
    source: str
    extra: bool = False

    @classmethod
    def of(cls, rule: AllocationRule) -> Formula:
        """Return the formula of a rule."""
        return cls(
            name=rule.name,
            ratio=text(rule.symbolic),
            where=tuple(f"{text(letter)} = {text(meaning)}" for letter, meaning in rule.where.items()),
            latex=rule.latex,
            kind=rule.kind,
            frame=rule.frame,
            level=rule.granularity,
            exact_for=rule.domain.words,
            source=rule.source,
            extra=rule.extra,
        )

    def __repr__(self) -> str:
        """Show it in a few lines."""
        facts = f"kind {self.kind}, frame {self.frame}, {self.level} level; exact for {self.exact_for}"
        first, *rest = [f"wᵢ(κ) = {self.ratio}", *self.where]
        lines = [self.name, tables.paragraph(first, 8, first="    ")]
        lines += [tables.paragraph(line, 12, first="        ") for line in rest]
        return "\n".join([*lines, tables.paragraph(facts, 4), tables.paragraph(self.source, 4)])

    @property
    def text(self) -> str:
        """The ratio and its abbreviations on one line."""
        return self.ratio + (f", with {', '.join(self.where)}" if self.where else "")


@dataclass(frozen=True, eq=False, repr=False)
class FormulaTable(Result):
    """The ratios of several rules.

    Attributes:
        formulas: One per rule.
    """

    formulas: tuple[Formula, ...]

    def __repr__(self) -> str:
        """Show rule after rule."""
        return "\n".join(map(repr, self.formulas))

    def to_markdown(self) -> str:
        """Return the table in markdown."""
        rows = [
            (f"`{f.name}`", f.text, f.kind, f.frame, f.level, f.exact_for, f.source) for f in self.formulas
        ]
        return tables.markdown(COLUMNS, rows)

    def to_latex(self) -> str:
        """Return the table in LaTeX."""
        rows = [
            (
                tables.escaped(f.name),
                f"${f.latex}$",
                *map(tables.escaped, (f.kind, f.frame, f.level, f.exact_for, f.source)),
            )
            for f in self.formulas
        ]
        return tables.latex(COLUMNS, rows, r"lllllp{5cm}p{4cm}")


def formulas(rules: Iterable[AllocationRule] | None = None) -> FormulaTable:
    """Return the table of methods × ratios.

    Args:
        rules: Which rules; None: all of `RULES`.
    """
    chosen = RULES.values() if rules is None else rules
    return FormulaTable(tuple(Formula.of(rule) for rule in chosen))

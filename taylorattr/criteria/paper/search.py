"""The smallest terms of a rule that break a criterion, in each of its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.complete import incomplete
from taylorattr.criteria.coverage import cancelling, uncovered
from taylorattr.criteria.no_leak import leaks
from taylorattr.criteria.paper.cases import Case
from taylorattr.criteria.paper.other_frame import in_other_frame
from taylorattr.criteria.paper.witness import about_effect, about_term
from taylorattr.criteria.parts import has_part

Key: TypeAlias = tuple[int, int, int, float, int]
"""Players, order, size of the support, Σ|values| of the setting, row: what makes a counterexample small."""


@dataclass(frozen=True)
class Finding:
    """A counterexample in one setting.

    Attributes:
        case: Number of the setting.
        key: How large it is.
        row: The term, where one term is enough.
        effects: Row -> effect, where it takes several.
    """

    case: int
    key: Key
    row: int
    effects: Mapping[int, Fraction] | None = None


class Search:
    """Ratios of a rule in one frame, exactly, and where they break a criterion.

    Args:
        rule: The rule.
        frame: Frame of the effects.
        settings: What is looked at.
        ratios: w(κ) of each setting in the rule's own frame, shape (M, R), ``Fraction`` entries.
    """

    def __init__(
        self, rule: AllocationRule, frame: str, settings: list[Case], ratios: list[np.ndarray]
    ) -> None:
        """Bring the ratios into the frame."""
        self.rule, self.frame, self.settings, self.tables = rule, frame, settings, ratios
        if frame not in rule.frames:
            self.settings = [replace(case, terms=case.terms.closed) for case in settings]
            pairs = zip(self.settings, ratios, strict=True)
            self.tables = [in_other_frame(case.kappas, table[: len(case.kappas)]) for case, table in pairs]

    @property
    def looked_at(self) -> str:
        """What was enumerated."""
        widest = max(case.n for case in self.settings)
        terms = next(case.terms for case in self.settings if case.n == widest)
        few = "≤ " if any(case.n < widest for case in self.settings) else ""
        beyond = f" and {terms.beyond}" if terms.beyond else ""
        where = f" in {len(self.settings)} settings" if len(self.settings) > 1 and self.rule.needs else ""
        return f"every term of order ≤ {terms.order}{beyond} of {few}{widest} players{where}, exactly"

    def uncovered(self) -> list[Finding | None]:
        """Return a term of which nobody gets anything, or None, for each setting."""
        return [self._smallest(k, uncovered(table)) for k, table in enumerate(self.tables)]

    def leaks(self) -> list[Finding | None]:
        """Return a term that reaches somebody who has no part in it, or None, for each setting."""
        return [
            self._smallest(k, leaks(table, has_part(self.rule, case.kappas, case.context)))
            for k, (case, table) in enumerate(zip(self.settings, self.tables, strict=True))
        ]

    def incomplete(self) -> list[Finding | None]:
        """Return a term that is not handed out exactly once, or None, for each setting."""
        return [self._smallest(k, incomplete(table)) for k, table in enumerate(self.tables)]

    def cancelled(self) -> list[Finding | None]:
        """Return terms of one support whose sum reaches nobody, or None, for each setting."""
        return [self._cancelled(k) for k in range(len(self.settings))]

    def describe(self, finding: Finding) -> str:
        """Return a counterexample in words."""
        case = self.settings[finding.case]
        if finding.effects is not None:
            return about_effect(self.rule, case, finding.effects)
        return about_term(self.rule, case, finding.row, self.tables[finding.case])

    def _smallest(self, k: int, broken: np.ndarray) -> Finding | None:
        rows = np.flatnonzero(broken)
        if not len(rows):
            return None
        terms = self.settings[k].terms
        first = np.lexsort((rows, terms.members[rows], terms.orders[rows]))[0]
        return Finding(k, self._key(k, [int(rows[first])]), int(rows[first]))

    def _key(self, k: int, rows: list[int]) -> Key:
        case = self.settings[k]
        order, members = int(case.terms.orders[rows].max()), int(case.terms.members[rows].max())
        return case.n, order, members, case.size, rows[0]

    def _cancelled(self, k: int) -> Finding | None:
        case, table = self.settings[k], self.tables[k]
        constant = self._constant(case)
        found = []
        for rows in case.terms.supports:
            effects = cancelling(table[rows], constant)
            if effects is not None:
                named = {rows[at] if at >= 0 else at: value for at, value in effects.items()}
                terms = [row for row in named if row >= 0]
                found.append(Finding(k, self._key(k, terms), terms[0], named))
        return min(found, key=lambda finding: finding.key, default=None)

    def _constant(self, case: Case) -> np.ndarray | None:
        """Return the shares of I(0) = σ(c) where it can be anything: with a bias; σ(0) = 0 is presumed."""
        bias = case.resolved.get("c", np.zeros(1)) if self.rule.scope == "unit" else np.zeros(1)
        if self.rule.constant is None or not bias.any():
            return None
        return self.rule.constant_shares(case.n, case.context, exact=True)

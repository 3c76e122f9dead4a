"""The smallest terms of a rule that break a criterion, in each of its settings, and these in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from taylorattr.allocation.printing import GREEK
from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.paper.algebra import in_other_frame
from taylorattr.criteria.paper.cases import Case
from taylorattr.criteria.three_criteria import CONSTANT, cancelling, has_part, incomplete, leaks, uncovered

Key: TypeAlias = tuple[int, int, int, float, int]
"""Players, order, size of the support, Σ|values| of the setting, row: what makes a counterexample small."""

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

MOST_ENTRIES_WRITTEN = 16
"""Entries of a table of the context that are written out."""


@dataclass(frozen=True)
class Counterexample:
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


class CounterexampleSearch:
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

    def uncovered(self) -> list[Counterexample | None]:
        """Return a term of which nobody gets anything, or None, for each setting."""
        return [self._smallest(k, uncovered(table)) for k, table in enumerate(self.tables)]

    def leaks(self) -> list[Counterexample | None]:
        """Return a term that reaches somebody who has no part in it, or None, for each setting."""
        return [
            self._smallest(k, leaks(table, has_part(self.rule, case.kappas, case.context)))
            for k, (case, table) in enumerate(zip(self.settings, self.tables, strict=True))
        ]

    def incomplete(self) -> list[Counterexample | None]:
        """Return a term that is not handed out exactly once, or None, for each setting."""
        return [self._smallest(k, incomplete(table)) for k, table in enumerate(self.tables)]

    def cancelled(self) -> list[Counterexample | None]:
        """Return terms of one support whose sum reaches nobody, or None, for each setting."""
        return [self._cancelled(k) for k in range(len(self.settings))]

    def describe(self, counterexample: Counterexample) -> str:
        """Return a counterexample in words."""
        case = self.settings[counterexample.case]
        if counterexample.effects is not None:
            return about_effect(self.rule, case, counterexample.effects)
        return about_term(self.rule, case, counterexample.row, self.tables[counterexample.case])

    def _smallest(self, k: int, broken: np.ndarray) -> Counterexample | None:
        """Return the broken term of lowest order and smallest support in setting k."""
        rows = np.flatnonzero(broken)
        if not len(rows):
            return None
        terms = self.settings[k].terms
        first = np.lexsort((rows, terms.members[rows], terms.orders[rows]))[0]
        return Counterexample(k, self._key(k, [int(rows[first])]), int(rows[first]))

    def _key(self, k: int, rows: list[int]) -> Key:
        """Return how large a counterexample of these terms in setting k is."""
        case = self.settings[k]
        order, members = int(case.terms.orders[rows].max()), int(case.terms.members[rows].max())
        return case.n, order, members, case.size, rows[0]

    def _cancelled(self, k: int) -> Counterexample | None:
        """Return the smallest effect in setting k of which nobody gets anything."""
        case, table = self.settings[k], self.tables[k]
        constant = self._constant(case)
        lost = []
        for rows in case.terms.supports:
            effects = cancelling(table[rows], constant)
            if effects is not None:
                by_row = {CONSTANT if at == CONSTANT else rows[at]: value for at, value in effects.items()}
                terms = [row for row in by_row if row != CONSTANT]
                lost.append(Counterexample(k, self._key(k, terms), terms[0], by_row))
        return min(lost, key=lambda counterexample: counterexample.key, default=None)

    def _constant(self, case: Case) -> np.ndarray | None:
        """Return the shares of I(0) = σ(c) where it can be anything: with a bias; σ(0) = 0 is presumed."""
        bias = case.resolved.get("c", np.zeros(1)) if self.rule.scope == "unit" else np.zeros(1)
        if self.rule.constant is None or not bias.any():
            return None
        return self.rule.constant_shares(case.n, case.context, exact=True)


def monomial(kappa: Any) -> str:
    """Return x₁²x₂ for κ = (2, 1)."""
    return "".join(
        f"x{str(player + 1).translate(SUBSCRIPTS)}" + (str(power).translate(POWERS) if power > 1 else "")
        for player, power in enumerate(int(p) for p in kappa)
        if power
    )


def number(value: Any) -> str:
    """Return a number of a setting: whole numbers and fractions as they are."""
    if isinstance(value, np.generic):
        value = value.item()
    text = str(Fraction(value).limit_denominator(10**6)) if isinstance(value, int | float) else str(value)
    return text.replace("-", "−")


def setting(rule: AllocationRule, case: Case) -> str:
    """Return the context of a case: u = (1, −1), c = 0."""
    parts = []
    for name, value in case.context.items():
        array = np.asarray(value, dtype=object)
        if array.size > MOST_ENTRIES_WRITTEN or (rule.scope == "cells" and name == "c"):
            continue
        parts.append(f"{GREEK.get(name, name)} = {_nested(array)}")
    return ", ".join(parts)


def _nested(array: np.ndarray) -> str:
    """Return a table as it is written by hand: (1, 2) or ((1, 0), (0, 1))."""
    if array.ndim == 0:
        return number(array.item())
    return f"({', '.join(_nested(np.asarray(row, dtype=object)) for row in array)})"


def owner_of_term(rule: AllocationRule) -> str:
    """Return what the term belongs to: a unit, a head, or nothing in particular."""
    return {"unit": " of a unit σ(z)", "cells": " of a head y(A)"}.get(rule.scope, "")


def about_term(rule: AllocationRule, case: Case, row: int, ratios: np.ndarray) -> str:
    """Return a term and the ratios it gets: x₁²: weights (2), in total 2."""
    weights = ", ".join(number(w) for w in ratios[row])
    total = number(sum(ratios[row], Fraction(0)))
    parts = [f"{monomial(case.kappas[row])}{owner_of_term(rule)}", setting(rule, case)]
    return " at ".join(part for part in parts if part) + f": weights ({weights}), in total {total}"


def about_effect(rule: AllocationRule, case: Case, effects: Mapping[int, Fraction]) -> str:
    """Return terms of one support whose sum is an effect of 1 of which nobody gets anything."""
    terms = "".join(_signed(value, monomial(case.kappas[row])) for row, value in effects.items() if row >= 0)
    text = terms.removeprefix(" + ").replace(" − ", "−", 1 if terms.startswith(" − ") else 0)
    if CONSTANT in effects:
        text += f" beside I(0) = {number(effects[CONSTANT])}"
    where = setting(rule, case)
    at = f" at {where}" if where else ""
    return f"{text}{owner_of_term(rule)}{at}: an effect of 1 of which nobody gets anything"


def _signed(value: Fraction, term: str) -> str:
    """Return one term of a sum with its sign before it."""
    size = "" if abs(value) == 1 else f"{number(abs(value))}·"
    return f" {'−' if value < 0 else '+'} {size}{term}"

"""What a rule guarantees, in words; what was only looked at; whether it treats players alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.paper.algebra import treats_players_alike
from taylorattr.criteria.paper.cases import cases
from taylorattr.criteria.paper.criteria_report import CriteriaReport
from taylorattr.criteria.verdict import Verdict

CRITERIA_IN_WORDS = {
    "coverage": "every effect reaches somebody (coverage)",
    "no_leak": "no effect reaches a player outside it: one without effects gets nothing (no leak, dummy)",
    "complete": "each effect is handed out exactly once: the scores add up to f(x) − f(b) (complete)",
}
"""Criterion -> what it means for a user."""

ENUMERATED = "every term of order"
"""How a statement begins that rests on enumeration."""


def proved(verdict: Verdict) -> bool:
    """Return whether a verdict rests on algebra or a theorem rather than on enumeration alone."""
    return not verdict.statement.startswith(ENUMERATED) or "; theorem" in verdict.statement


def guarantees(rule: AllocationRule, report: CriteriaReport) -> tuple[str, ...]:
    """Return what holds for every model, each with its reason.

    Args:
        rule: The rule.
        report: Its verdicts.
    """
    statements = [
        f"{CRITERIA_IN_WORDS[v.criterion]}"
        + (f" where {v.condition}" if v.condition else "")
        + f": {v.statement}"
        for v in _own(rule, report)
        if v.status in ("holds", "conditional") and proved(v)
    ]
    if names_no_player(rule):
        statements.append("players that play alike get alike: the ratio names no player (symmetry)")
    statements.append(
        "the scores of a sum of models are the sums of the scores: the ratio does not read the model "
        "(linearity)"
    )
    if rule.granularity == "support":
        statements.append("exact for every model, ReLU networks and trees included: it reads coalitions only")
    return tuple(statements)


def unproved(report: CriteriaReport) -> tuple[str, ...]:
    """Return the criteria that held on every term looked at, and where that was."""
    return tuple(
        f"{CRITERIA_IN_WORDS[v.criterion]}: seen on {v.statement}, not proved for the rest"
        for v in report.in_frame(report.verdicts[0].frame).verdicts
        if v.status in ("holds", "conditional") and not proved(v) and v.level == _level(v)
    )


def _own(rule: AllocationRule, report: CriteriaReport) -> Iterator[Verdict]:
    """Return the verdicts in the rule's own frame: coverage of whole effects, no leak, complete."""
    return (v for v in report.in_frame(rule.frames[0]).verdicts if v.level == _level(v))


def _level(verdict: Verdict) -> str:
    """Return at which level a criterion is told: an effect is covered as a whole, not term by term."""
    return "effect" if verdict.criterion == "coverage" else "term"


@dataclass(frozen=True)
class UnevenTerms:
    """Two terms that differ by the order of the players, with shares that do not.

    Attributes:
        kappa: A term.
        shares: Its ratios.
        other: The term with two players swapped.
        others: Its ratios.
    """

    kappa: tuple[int, ...]
    shares: tuple[Fraction, ...]
    other: tuple[int, ...]
    others: tuple[Fraction, ...]

    def __str__(self) -> str:
        """Both terms with their shares."""
        first, second = (", ".join(map(str, row)) for row in (self.shares, self.others))
        if self.kappa == self.other:  # one term, in which two players alike get different shares
            pairs = zip(itertools.pairwise(self.kappa), itertools.pairwise(self.shares), strict=True)
            i = next(i for i, ((k, m), (a, b)) in enumerate(pairs) if k == m and a != b)
            return (
                f"of κ = {self.kappa} player {i} gets {self.shares[i]} and player {i + 1}, with the same "
                f"exponent, {self.shares[i + 1]}"
            )
        return f"κ = {self.kappa} gets ({first}) and κ = {self.other} gets ({second})"


def names_no_player(rule: AllocationRule) -> bool:
    """Return whether the formula shows that renaming players renames the scores and nothing else."""
    plain = all(not need.axes for need in rule.needs.values())
    return rule.evaluator is None and plain and treats_players_alike(rule)


def asymmetry(rule: AllocationRule) -> UnevenTerms | None:
    """Return the smallest term whose shares change with the names of the players, None if no small term's do.

    Args:
        rule: A rule of players.
    """
    if rule.receivers is not PLAYERS or names_no_player(rule):
        return None
    for case in cases(rule):
        table = rule.exact_ratios(case.kappas, case.context)  # of one player too: what raises, raises there
        if case.n < 2 or any(need.axes for need in rule.needs.values()):
            continue
        row_of = {tuple(kappa): row for row, kappa in enumerate(case.kappas.tolist())}
        for row, kappa in enumerate(case.kappas.tolist()):
            for first in range(case.n - 1):  # neighbours exchanged generate all orders
                order = np.arange(case.n)
                order[[first, first + 1]] = order[[first + 1, first]]
                swapped = tuple(kappa[k] for k in order)
                other = table[row_of[swapped]]
                if (table[row][order] != other).any():
                    return UnevenTerms(tuple(kappa), tuple(table[row]), swapped, tuple(other))
    return None

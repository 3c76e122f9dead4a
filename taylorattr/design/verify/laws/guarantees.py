"""What a rule promises for every term, searched for counterexamples where no enumeration went."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from taylorattr.aliases import MultiIndex
from taylorattr.criteria.three_criteria import has_part
from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import MANY, smallest_term
from taylorattr.design.verify.subject import Subject

SETTINGS = 6
"""Numbers of players, or settings of attributes."""

DRAWN = 30
"""Terms that are drawn in each."""

PLAYERS = 8
"""Players of a rule for any number, at most."""

LARGEST = 12
"""Order of the terms, at most."""


@law("guarantees", "no large term breaks a criterion that is said to hold")
def guarantees(subject: Subject) -> Outcome:
    """Draw large terms, and settings of the attributes."""
    promised = [
        (criterion, why)
        for criterion in ("coverage", "no_leak", "complete")
        if (verdict := subject.designed.report.verdict(criterion, frame=subject.frame)).holds
        for why in [verdict.statement]
    ]
    if not promised:
        return NotApplicable("no criterion is said to hold for every term")
    random = subject.generator()
    for _ in range(SETTINGS if subject.n <= MANY else 1):
        n = int(random.integers(1, PLAYERS + 1)) if subject.free and subject.to_players else subject.n
        context = _shuffled(subject, random) if n == subject.n else {}
        kappas = np.stack([_kappa(subject, random, n) for _ in range(DRAWN)])
        for criterion, why in promised:
            wrong = _breaking(subject, criterion, kappas, context)
            if wrong.any():
                row = tuple(kappas[int(wrong.argmax())].tolist())
                return Broken(
                    f"{criterion} is said to hold: {why}", _smallest(subject, criterion, row, context)
                )
    words = ", ".join(criterion for criterion, _ in promised)
    return Kept(
        f"{words} on {(SETTINGS if subject.n <= MANY else 1) * DRAWN} terms of order ≤ {_largest(subject)}"
    )


def _largest(subject: Subject) -> int:
    reach = subject.designed.rule.reach
    return LARGEST if reach is None else reach


def _kappa(subject: Subject, random: np.random.Generator, n: int) -> np.ndarray:
    return random.multinomial(int(random.integers(1, _largest(subject) + 1)), random.dirichlet(np.ones(n)))


def _smallest(subject: Subject, criterion: str, kappa: MultiIndex, context: dict[str, Any]) -> str:
    def breaks(term: MultiIndex) -> bool:
        return bool(_breaking(subject, criterion, np.array([term]), context)[0])

    small = smallest_term(kappa, breaks, free=subject.free and subject.to_players)
    shares = ", ".join(map(str, subject.ratio(small, context)))
    return f"κ = {small}{_said(context)}: weights ({shares})"


def _shuffled(subject: Subject, random: np.random.Generator) -> dict[str, Any]:
    """Return the attributes with their values dealt out anew."""
    size = subject.n
    return {
        name: [entries[k] for k in random.integers(0, size, size)]
        for name, entries in subject.context.items()
    }


def _breaking(subject: Subject, criterion: str, kappas: np.ndarray, context: dict[str, Any]) -> np.ndarray:
    """Return which terms break a criterion, shape (M,)."""
    table = subject.designed.rule.exact_ratios(kappas, context or None)
    if criterion == "coverage":
        return np.array([not any(row) for row in table])
    if criterion == "complete":
        return np.array([sum(row, Fraction(0)) != 1 for row in table])
    return (has_part(subject.designed.rule, kappas, context) < (table != 0)).any(axis=1)


def _said(context: dict[str, Any]) -> str:
    return "".join(f", {name} = {entries}" for name, entries in context.items())

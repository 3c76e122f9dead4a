"""What a rule promises for every term, searched for counterexamples where no enumeration went."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from taylorattr.aliases import MultiIndex
from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import smallest_term
from taylorattr.design.verify.subject import Subject

DRAWN = 120
"""Terms that are drawn."""

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
    reach = subject.designed.rule.reach
    for _ in range(DRAWN):
        n = int(random.integers(1, PLAYERS + 1)) if subject.free and subject.to_players else subject.n
        order = int(random.integers(1, (LARGEST if reach is None else reach) + 1))
        kappa = tuple(random.multinomial(order, random.dirichlet(np.ones(n))).tolist())
        context = _shuffled(subject, random) if n == subject.n else {}
        for criterion, why in promised:
            breaks = _breaks(subject, criterion, context)
            if breaks(kappa):
                small = smallest_term(kappa, breaks, free=subject.free and subject.to_players)
                shares = ", ".join(map(str, subject.ratio(small, context)))
                return Broken(
                    f"{criterion} is said to hold: {why}", f"κ = {small}{_said(context)}: weights ({shares})"
                )
    words = ", ".join(criterion for criterion, _ in promised)
    return Kept(f"{words} on {DRAWN} terms of order ≤ {reach or LARGEST}")


def _shuffled(subject: Subject, random: np.random.Generator) -> dict[str, Any]:
    """Return the attributes with their values dealt out anew."""
    size = subject.n
    return {
        name: [entries[k] for k in random.integers(0, size, size)]
        for name, entries in subject.context.items()
    }


def _breaks(subject: Subject, criterion: str, context: dict[str, Any]) -> Callable[[MultiIndex], bool]:
    def breaks(kappa: MultiIndex) -> bool:
        weights = subject.ratio(kappa, context)
        if criterion == "coverage":
            return not any(weights)
        if criterion == "complete":
            return sum(weights, Fraction(0)) != 1
        return any(w and not part for w, part in zip(weights, subject.members(kappa), strict=True))

    return breaks


def _said(context: dict[str, Any]) -> str:
    return "".join(f", {name} = {entries}" for name, entries in context.items())

"""What stands beside a verdict: where it is a statement about one unit, one reference, or no allocation."""

from __future__ import annotations

from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.verdict import Criterion


def limits(rule: AllocationRule, criterion: Criterion, level: str) -> list[str]:
    """Return the conditions that come with the form of a rule, not with a choice of its context.

    A term that lacks a player lacks it in every frame, so nothing leaks because references are many.
    """
    found = []
    if rule.scope == "unit":
        found.append("each unit is taken alone")
    if rule.per_reference and criterion != "no_leak":
        found.append("each reference is taken alone")
    return found + presumed(rule, criterion, level)


def presumed(rule: AllocationRule, criterion: Criterion, level: str) -> list[str]:
    """Return what has to be so lest a constant that is handed out as well cancels the share of an effect.

    With a bias c among the settings the constant is σ(c), and anything where c ≠ 0.
    """
    if rule.constant is None or (criterion, level) != ("coverage", "effect"):
        return []
    return ["σ(0) = 0"] if "c" in rule.needs else ["I(0) = 0"]


def reservations(rule: AllocationRule) -> tuple[str, ...]:
    """Return sentences on what the verdicts of a rule do not say."""
    found = []
    if rule.kind == "none":
        found.append(f"no allocation: {rule.domain.words}")
    if rule.per_reference:
        found.append("one reference at a time; in one fixed frame the shares of a mean are others, eq. (22)")
    if rule.constant is not None:
        found.append("hands out the constant I(0) as well, which is nobody's effect")
    if rule.depth:
        found.append(f"in a deep network: {rule.depth}")
    return tuple(found)

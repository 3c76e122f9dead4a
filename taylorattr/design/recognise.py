"""Whether a rule is one that already has a name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.paper.cases import Case, cases
from taylorattr.design.algebra.simplify import inlined, same
from taylorattr.design.deep_terms import deep_terms

PREFERRED = ("integrated_gradients", "shapley", "occlusion_1", "gradient_x_input")
"""Rules under whose names a ratio is looked up first; the rest in the order of the registry."""


@dataclass(frozen=True)
class Recognised:
    """A built-in rule that a rule equals.

    Attributes:
        name: Its name in ``ta.RULES``.
        how: ``by algebra``, or the terms on which both agree exactly.
        proved: Whether it is algebra.
    """

    name: str
    how: str
    proved: bool

    def __str__(self) -> str:
        """Name and how."""
        return f"{self.name} ({self.how})"


def recognise(rule: AllocationRule) -> Recognised | None:
    """Return the built-in rule of the players that a rule equals, None if there is none.

    Formulas are compared by algebra; what algebra does not decide is compared on all small terms, in exact
    arithmetic.

    Args:
        rule: A rule of players.
    """
    if rule.receivers is not PLAYERS:
        return None
    settings = cases(rule)
    tables: dict[int, np.ndarray] = {}
    # up to order 2 the shares κ_i/m and 1/s are the same
    told_apart = rule.granularity == "support" or max(case.terms.order for case in settings) > 2
    for name in (*PREFERRED, *(name for name in RULES if name not in PREFERRED)):
        known = RULES[name]
        if not _comparable(rule, known):
            continue
        if rule.evaluator is None and known.evaluator is None and same(inlined(rule), inlined(known)):
            return Recognised(name, "by algebra", True)
        if (
            told_apart
            and all(_agree(rule, known, place, case, tables) for place, case in enumerate(settings))
            and _agree_deeply(rule, known)
        ):
            widest = max(case.n for case in settings)
            terms = next(case.terms for case in settings if case.n == widest)
            order = f"{terms.order} and {terms.beyond}" if terms.beyond else str(terms.order)
            return Recognised(
                name, f"on every term of order ≤ {order} of up to {widest} players, exactly", False
            )
    return None


def _agree_deeply(rule: AllocationRule, known: AllocationRule) -> bool:
    """Whether a function agrees on terms beyond those enumerated, where formulas have no surprises."""
    if rule.evaluator is None or rule.needs or rule.reach is not None or rule.players is not None:
        return True
    return all((rule.exact_ratios(kappas) == known.exact_ratios(kappas)).all() for kappas in deep_terms())


def _comparable(rule: AllocationRule, known: AllocationRule) -> bool:
    if known.proof == "" or known.receivers is not PLAYERS or known.scope != "players" or known.needs:
        return False
    if known.per_reference or known.name == rule.name or not set(rule.frames) <= set(known.frames):
        return False
    return rule.granularity == "term" or known.granularity == "support"


def _agree(
    rule: AllocationRule, known: AllocationRule, place: int, case: Case, tables: dict[int, np.ndarray]
) -> bool:
    if place not in tables:
        tables[place] = rule.exact_ratios(case.kappas, case.context)
    return bool((tables[place] == known.exact_ratios(case.kappas)).all())

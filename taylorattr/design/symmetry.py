"""Whether a rule tells players apart that nothing tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.paper.algebra import treats_players_alike
from taylorattr.criteria.paper.cases import cases


@dataclass(frozen=True)
class Asymmetry:
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
        return f"κ = {self.kappa} gets ({first}) and κ = {self.other} gets ({second})"


def names_no_player(rule: AllocationRule) -> bool:
    """Return whether the formula shows that renaming players renames the scores and nothing else."""
    plain = all(not need.axes for need in rule.needs.values())
    return rule.evaluator is None and plain and treats_players_alike(rule)


def asymmetry(rule: AllocationRule) -> Asymmetry | None:
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
        place = {tuple(kappa): row for row, kappa in enumerate(case.kappas.tolist())}
        for row, kappa in enumerate(case.kappas.tolist()):
            for first in range(case.n - 1):
                order = np.arange(case.n)
                order[[first, first + 1]] = order[[first + 1, first]]
                swapped = tuple(kappa[k] for k in order)
                other = table[place[swapped]]
                if (table[row][order] != other).any():
                    return Asymmetry(tuple(kappa), tuple(table[row]), swapped, tuple(other))
    return None

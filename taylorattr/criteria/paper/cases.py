"""Settings in which all small terms of a rule are looked at, in order of size.

A setting is a number of players with a value for everything that the ratio reads besides κ. The smallest come
first, so that the first counterexample is the one that is easiest to check by hand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.context import REQUIRED, SIZES
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.paper.algebra import treats_players_alike
from taylorattr.criteria.paper.trial_values import Cases, Values, together, values_of
from taylorattr.errors import OptionError, ShapeError
from taylorattr.maths.multi_index import enumerate_up_to

ORDER_WITH_CONTEXT = {1: 4, 2: 4, 3: 4}
"""Players -> order of the terms, where a ratio reads more than κ, so that there are hundreds of settings."""

ORDER_OF_KAPPA_ALONE = {1: 6, 2: 6, 3: 5, 4: 5, 5: 5}
"""The same where it reads κ alone, so that there is one setting per number of players."""

MOST_TRIED_TERMS = 300
"""Terms at most where a rule is made for one number of players."""

MOST_COALITIONS = 1024
"""Up to this many coalitions a support-level rule for one number of players is looked at on all of them."""

MOST_CONTEXTS = 240
"""Contexts per number of players at most, the smallest first."""


@dataclass(frozen=True)
class Terms:
    """All terms up to an order, with what is asked of them in every setting.

    Attributes:
        kappas: Multi-indices, shape (M, n), by order.
        orders: |κ| of each.
        members: |supp κ| of each.
        supports: Rows of the terms of each support.
        order: All terms up to this order are among them.
        beyond: Which coalitions are besides, of more members than that; empty where none are.
    """

    kappas: np.ndarray
    orders: np.ndarray
    members: np.ndarray
    supports: tuple[list[int], ...]
    order: int
    beyond: str = ""

    @classmethod
    def up_to(cls, n: int, order: int, *, coalitions: bool = False) -> Terms:
        """Return the terms of n players up to an order.

        Args:
            n: Number of players.
            order: The order.
            coalitions: Whether to add larger coalitions: all of them where they are few, else the first and
                the last players of each number.
        """
        kappas = enumerate_up_to(n, order).astype(np.int64)
        if not coalitions or order >= n:
            return cls.of(kappas, order)
        if 1 << n <= MOST_COALITIONS:
            table = np.arange(1 << n)[:, None] >> np.arange(n) & 1
            larger = table[table.sum(axis=1) > order]
            return cls.of(np.concatenate([kappas, larger]), order, "every coalition")
        first = np.tri(n, dtype=np.int64)[order:]
        rows = np.unique(np.concatenate([first, first[:, ::-1]]), axis=0)
        return cls.of(np.concatenate([kappas, rows]), order, "two coalitions of every size")

    @classmethod
    def of(cls, kappas: np.ndarray, order: int, beyond: str = "") -> Terms:
        """Return terms with what is looked up of them in every setting."""
        supports: dict[tuple[bool, ...], list[int]] = {}
        for row, inside in enumerate((kappas > 0).tolist()):
            supports.setdefault(tuple(inside), []).append(row)
        members = (kappas > 0).sum(axis=1)
        return cls(kappas, kappas.sum(axis=1), members, tuple(supports.values()), order, beyond)

    @property
    def closed(self) -> Terms:
        """Those with all terms μ ≤ κ among them, which eq. (9a) needs."""
        whole = self.beyond in ("", "every coalition")
        return self if whole else self.of(self.kappas[self.orders <= self.order], self.order)


@dataclass(frozen=True)
class Case:
    """One setting in which all ratios up to an order are looked at.

    Attributes:
        n: Number of players.
        context: What the rule reads besides κ.
        resolved: The same as the rule takes it, with the sizes of its dimensions.
        terms: What is looked at.
        size: Σ|values| of the context, for choosing the smallest.
    """

    n: int
    context: dict[str, Any]
    resolved: dict[str, np.ndarray]
    terms: Terms
    size: float

    @property
    def kappas(self) -> np.ndarray:
        """Multi-indices, shape (M, n), by order."""
        return self.terms.kappas


def cases(rule: AllocationRule, own: Cases | None = None) -> list[Case]:
    """Return settings of a rule inside its domain, by number of players and then by size.

    Of settings that differ by the order of the players only one is kept where the ratio treats all alike:
    their terms are the same but for names.

    Args:
        rule: The rule.
        own: Values of its quantities where they are known to be special; they replace the standard ones.

    Raises:
        OptionError: None of the settings can be used, or ``own`` names what the rule does not read.
    """
    own = {**rule.tried, **(own or {})}
    unknown = [name for name in own if name not in rule.needs]
    if unknown:
        raise OptionError(
            f"own_cases has {unknown[0]!r}, which {rule.name} does not read; it reads: "
            f"{', '.join(rule.needs) or 'nothing'}"
        )
    alike = treats_players_alike(rule)
    usable: list[Case] = []
    refused = ""
    for n, order in _sizes(rule, own).items():
        # made for one number of players: its high coalitions are looked at too, no smaller number shows them
        one_size = rule.players == n or n not in {**ORDER_WITH_CONTEXT, **ORDER_OF_KAPPA_ALONE}
        terms = Terms.up_to(n, order, coalitions=one_size and rule.granularity == "support")
        known = set()
        several: list[Case] = []
        for context in _contexts(rule, n, own):
            mark = fingerprint(rule, context, sort=alike)
            if mark in known:
                continue
            known.add(mark)
            resolved = _usable(rule, n, context)
            if isinstance(resolved, str):
                refused = resolved
            else:
                several.append(Case(n, context, resolved, terms, _size(context)))
        usable += sorted(several, key=lambda case: case.size)[:MOST_CONTEXTS]
    if not usable:
        raise OptionError(
            f"{rule.name}: no setting that was tried can be used ({refused or 'there is none'}); pass values "
            f"that can, own_cases={{{next(iter(rule.needs), 'name')!r}: lambda n: [values, …]}}"
        )
    return usable


FARTHEST_TURN, MOST_TURNS = 40, 12
"""The largest whole number of a formula near which it is looked at, and how many of them at most."""

FAR_TURNS_OF_FUNCTIONS = (6, 7, 8, 10, 12)
"""Sizes and orders at which a function is looked at beyond the small terms: it does not show its numbers."""


def far_case(rule: AllocationRule) -> Case | None:
    """Return terms beyond the small ones at which a rule may change: near the numbers of its formula.

    A case for |S| = 6 or order 7 shows in none of the terms that `cases` enumerates.

    Args:
        rule: A rule of players.

    Returns:
        One setting; None where the rule reads more than κ, or ends with the small terms.
    """
    if rule.receivers is not PLAYERS or rule.needs or rule.players is not None or rule.reach is not None:
        return None
    turns = _turns(rule)
    if not turns:
        return None
    n = max(turns)
    wanted = {
        parts
        for c in turns
        for parts in ((1,) * c, (c,), (c, 1), (1, c), (c - 1, 1), (2,) + (1,) * (c - 1), (1,) * (c - 1))
        if 0 < len(parts) <= n
    }
    rows = [
        parts + (0,) * (n - len(parts)) for parts in sorted(wanted, key=lambda parts: (sum(parts), parts))
    ]
    terms = Terms.of(np.array([row for row in rows if any(row)], dtype=np.int64), 0)
    return Case(n, {}, {}, terms, 0.0)


def _turns(rule: AllocationRule) -> list[int]:
    """Return sizes and orders near which a rule may change."""
    if rule.evaluator is not None:
        return list(FAR_TURNS_OF_FUNCTIONS)
    written = [rule.symbolic, *rule.where.values()]
    numbers = {int(entry) for expression in written for entry in expression.atoms(sp.Integer)}
    near = sorted(number for number in map(abs, numbers) if 2 < number <= FARTHEST_TURN)[:MOST_TURNS]
    return sorted({number + step for number in near for step in (-1, 0, 1)})


def _sizes(rule: AllocationRule, own: Cases) -> dict[int, int]:
    """Return number of players -> order; a quantity that is given in full decides the number."""
    sizes = _all_sizes(rule, own)
    return sizes if rule.reach is None else {n: min(order, rule.reach) for n, order in sizes.items()}


def _all_sizes(rule: AllocationRule, own: Cases) -> dict[int, int]:
    """Return number of players -> order, before the reach of the rule cuts the orders."""
    if rule.players is not None:
        return {rule.players: _order_within(rule.players)}
    if not rule.needs:
        return ORDER_OF_KAPPA_ALONE
    for name, need in rule.needs.items():
        if need.default is REQUIRED or name in own:
            continue
        for axis, size in zip(need.axes, np.shape(need.default), strict=True):
            if axis in SIZES:
                n = next(k for k in itertools.count(1) if SIZES[axis](k) >= size)
                return {n: _order_within(n)}
    return ORDER_WITH_CONTEXT


def _order_within(n: int) -> int:
    """Return the largest order, at most 4, whose terms of n players are few enough."""
    return max(k for k in range(1, 5) if k == 1 or math.comb(n + k, k) <= MOST_TRIED_TERMS)


def _usable(rule: AllocationRule, n: int, context: dict[str, Any]) -> dict[str, np.ndarray] | str:
    """Return the resolved context; or why it does not fit, lies outside the domain, or nobody receives."""
    try:
        resolved = rule.resolved(n, context)
    except ShapeError as error:
        return str(error)
    reason = rule.domain.excludes(resolved)
    if reason is not None:
        return f"{rule.domain.words}: {reason}"
    return resolved if rule.receiver_names(["player"] * n, context) else "nobody receives"


def _contexts(rule: AllocationRule, n: int, own: Cases) -> Iterator[dict[str, Any]]:
    """Yield every combination of trial values for what a rule of n players reads."""
    groups: list[tuple[tuple[str, ...], Values]] = [
        (names, values(n)) for names, values in together(rule, own).items()
    ]
    grouped = {name for names, _ in groups for name in names}
    for name in sorted(set(rule.needs) - grouped):
        values = own[name](n) if name in own else values_of(rule, name, n)
        groups.append(((name,), [(value,) for value in values]))
    for chosen in itertools.product(*(values for _, values in groups)):
        context: dict[str, Any] = {}
        for (names, _), entries in zip(groups, chosen, strict=True):
            context |= dict(zip(names, entries, strict=True))
        yield context


def _size(context: Mapping[str, Any]) -> float:
    """Return Σ|values| of a context."""
    return float(sum(abs(float(v)) for value in context.values() for v in np.asarray(value).reshape(-1)))


def fingerprint(rule: AllocationRule, context: Mapping[str, Any], *, sort: bool) -> Hashable:
    """Return what settings that are the same have in common, with ``sort`` up to the order of the players.

    Columns of one value per player are sorted together: each player keeps his values of all quantities.
    """
    columns, tables = [], []
    for name in sorted(rule.needs):
        array = np.asarray(context[name], dtype=object)
        if sort and array.ndim == len(rule.needs[name].axes) == 1:
            columns.append(tuple(array))
        else:
            tables.append((array.shape, tuple(array.reshape(-1))))
    longest = max(map(len, columns), default=0)
    players = sorted(zip(*(column + (0,) * (longest - len(column)) for column in columns), strict=True))
    return tuple(map(len, columns)), tuple(players), tuple(tables)

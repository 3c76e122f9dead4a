"""Small exact values of everything a ratio may read, in order of size: where counterexamples are sought."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from taylorattr.allocation.context import REQUIRED, SIZES
from taylorattr.allocation.rule import AllocationRule
from taylorattr.maths.multi_index import enumerate_up_to

LARGEST_N = 3
"""Players at most."""

ORDER = 4
"""Orders of terms at most."""

CONTEXTS = 240
"""Contexts per number of players at most, the smallest first."""

Values: TypeAlias = Sequence[Any]
Cases: TypeAlias = Mapping[str, Callable[[int], Values]]
"""Name of a quantity -> n -> values to try."""


def each_entry(*values: int) -> Callable[[int], Values]:
    """Return n -> every vector with these entries, the smallest and least mixed first."""

    def of(n: int) -> Values:
        rows = itertools.product(values, repeat=n)
        return sorted(rows, key=lambda row: (sum(map(abs, row)), len(set(row)), [-v for v in row]))

    return of


def windows(n: int) -> Values:
    """Return lists of windows: each player alone, one that slides by one, one of all."""
    alone = np.eye(n, dtype=int)
    sliding = np.array([[int(start <= i < start + 2) for i in range(n)] for start in range(max(1, n - 1))])
    return [alone, sliding, np.ones((1, n), dtype=int)]


def patches(n: int) -> Values:
    """Return the patch of each player: each alone, the first two together, all together."""
    together = [0, *range(n - 1)] if n > 1 else [0]
    return [list(range(n)), together, [0] * n]


def kernels(n: int) -> Values:
    """Return weights of masks by size: all equal, Shapley's (finite), those of a distance."""
    return [[1] * (n + 1), [Fraction(1, 1 + k) for k in range(n + 1)]]


def shares(n: int) -> Values:
    """Return coefficients ξ_{S,i} that add up to 1 in each coalition: equal, and all to the first member."""
    tables = []
    for first in (False, True):
        table = np.full((1 << n, n), Fraction(0), dtype=object)
        for mask in range(1, 1 << n):
            members = [i for i in range(n) if mask >> i & 1]
            for i in members:
                table[mask, i] = Fraction(int(i == members[0])) if first else Fraction(1, len(members))
        tables.append(table)
    return tables


def channels(n: int) -> Values:
    """Return cells as channels × positions: one channel, and two channels where n is even."""
    tables = [np.arange(n).reshape(1, n)]
    return tables if n % 2 else [*tables, np.arange(n).reshape(2, n // 2)]


NAMED: Cases = {
    "sigma": each_entry(1, 2),
    "u": each_entry(1, -1, 2, 3),
    "w": each_entry(1, -1, 2),
    "x": each_entry(1, 2),
    "low": lambda n: [[0] * n, [-1] * n],
    "high": lambda n: [[4] * n, [3] * n],
    "W": windows,
    "patch": patches,
    "pi": kernels,
    "xi": shares,
    "p": each_entry(1, 2),
    "omega": each_entry(1, 2),
    "alpha": lambda n: [2, 1, 3],
    "beta": lambda n: [1, 0, 2],
    "epsilon": lambda n: [0, Fraction(1, 10)],
    "c": lambda n: [0, 1, -1],
    "a": lambda n: [1, 2],
    "b": lambda n: [1, 2],
    "k": lambda n: [min(2, n)],
    "y": lambda n: [1, -1],
    "slope": lambda n: [1, 2],
}
"""Values of the quantities that only make sense in some range."""

TOGETHER: dict[frozenset[str], Callable[[int], Values]] = {
    frozenset({"alpha", "beta"}): lambda n: [(2, 1), (1, 0), (3, 2)],
    frozenset({"alpha", "omega"}): lambda n: [
        ([Fraction(1, 2)], [1]), ([0, 1], [Fraction(1, 2), Fraction(1, 2)]), ([1], [1]),
    ],
    frozenset({"W", "c"}): lambda n: [(w, w) for w in windows(n)],
}  # fmt: skip
"""Quantities that are chosen together, in the order of their sorted names."""


@dataclass(frozen=True)
class Case:
    """One setting in which all ratios up to `ORDER` are looked at.

    Attributes:
        n: Number of players.
        context: What the rule reads besides κ.
        kappas: Multi-indices, shape (M, n), by order.
        size: Σ|values| of the context, for choosing the smallest.
    """

    n: int
    context: dict[str, Any]
    kappas: np.ndarray
    size: float


def cases(rule: AllocationRule, own: Cases | None = None) -> Iterator[Case]:
    """Iterate over settings of a rule, by number of players and then by size.

    Args:
        rule: The rule.
        own: Values of its quantities where they are known to be special; they replace the standard ones.

    Yields:
        Settings inside the rule's domain.
    """
    for n in range(1, LARGEST_N + 1):
        kappas = enumerate_up_to(n, ORDER).astype(np.int64)
        found = [Case(n, context, kappas, _size(context)) for context in _contexts(rule, n, own or {})]
        found.sort(key=lambda case: case.size)
        usable = (case for case in found if not _excluded(rule, case))
        yield from itertools.islice(usable, CONTEXTS)


def _excluded(rule: AllocationRule, case: Case) -> bool:
    """Whether a setting lies outside the rule's domain, or nobody receives."""
    if rule.domain.excludes(rule.resolved(case.n, case.context)) is not None:
        return True
    return not rule.receiver_names(["player"] * case.n, case.context)


def _contexts(rule: AllocationRule, n: int, own: Cases) -> Iterator[dict[str, Any]]:
    names = sorted(rule.needs)
    choices: list[tuple[tuple[str, ...], Values]] = []
    for group, values in TOGETHER.items():
        if group <= set(names) and not group & set(own):
            choices.append((tuple(sorted(group)), values(n)))
            names = [name for name in names if name not in group]
    for name in names:
        values = own[name](n) if name in own else _values(rule, name, n)
        choices.append(((name,), [(value,) for value in values]))
    for chosen in itertools.product(*(values for _, values in choices)):
        context: dict[str, Any] = {}
        for (group, _), entries in zip(choices, chosen, strict=True):
            context |= dict(zip(group, entries, strict=True))
        yield context


def _values(rule: AllocationRule, name: str, n: int) -> Values:
    axes = rule.needs[name].axes
    if rule.scope == "cells" and name in ("c", "A", "L"):
        return _of_cells(name, n)
    if name in NAMED and (name != "c" or not axes):
        return NAMED[name](n)
    if not axes:
        default = rule.needs[name].default
        return [1, -1, 2] if default is REQUIRED else [default]
    if len(axes) == 1:
        return each_entry(1, -1, 2)(SIZES[axes[0]](n)) if axes[0] in SIZES else [_moments(ORDER)]
    return []


def _of_cells(name: str, n: int) -> Values:
    """Return quantities of one channel with n positions."""
    if name == "c":
        return [np.arange(n).reshape(1, n)]
    rows = each_entry(1, -1, 2)(n)
    return rows if name == "L" else [[row] for row in rows]


def _moments(order: int) -> list[int]:
    """Return the moments of δ_1."""
    return [1] * order


def _size(context: Mapping[str, Any]) -> float:
    return float(sum(abs(float(v)) for value in context.values() for v in np.asarray(value).reshape(-1)))

"""Small exact values of what ratios read besides κ: where counterexamples are sought.

Quantities that only make sense in some range, such as windows or moments, have values here by name; others
are tried with every small vector, mixed signs included, since most counterexamples need a sign or a 2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from taylorattr.allocation.context import REQUIRED, SIZES
from taylorattr.allocation.rule import RULES, AllocationRule

MOMENTS_TRIED = 8
"""Moments of a measure that are given: more than any term that is tried reads."""

FREE_AXIS_SIZE = 2
"""Size of a dimension that only the context decides."""

MOST_UNKNOWN_VALUES = 40
"""Tables of a quantity nothing is known about, at most."""

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
    """Return weights of masks by size: all equal, and falling with the size."""
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


def contributions_to_sizes(n: int) -> Values:
    """Return p_t: Shapley's weights, and small whole numbers."""
    own = [Fraction(1, n * math.comb(n - 1, t)) for t in range(n)]
    return [*each_entry(1, 2)(n), own]


def moments(n: int) -> Values:
    """Return the moments of δ_1 and of the uniform measure."""
    return [[1] * MOMENTS_TRIED, [Fraction(1, k + 1) for k in range(MOMENTS_TRIED)]]


TRIAL_VALUES: dict[tuple[str, tuple[str, ...]], Callable[[int], Values]] = {
    ("sigma", ("n",)): each_entry(1, 2),
    ("u", ("n",)): each_entry(1, -1, 2, -2),
    ("w", ("n",)): each_entry(1, -1, 2),
    ("x", ("n",)): each_entry(1, 2),
    ("low", ("n",)): lambda n: [[0] * n, [-1] * n],
    ("high", ("n",)): lambda n: [[4] * n, [3] * n],
    ("W", ("Q", "n")): windows,
    ("patch", ("n",)): patches,
    ("pi", ("n+1",)): kernels,
    ("xi", ("2**n", "n")): shares,
    ("p", ("n",)): contributions_to_sizes,
    ("omega", ("n",)): each_entry(1, 2),
    ("M", ("moments",)): moments,
    ("alpha", ()): lambda n: [2, 1, 3],
    ("beta", ()): lambda n: [1, 0, 2],
    ("epsilon", ()): lambda n: [0, Fraction(1, 10)],
    ("c", ()): lambda n: [0, 1, -1],
    ("a", ()): lambda n: [1, 2],
    ("b", ()): lambda n: [1, 2],
    ("k", ()): lambda n: [min(2, n)],
    ("y", ()): lambda n: [1, -1],
    ("slope", ()): lambda n: [1, 2],
}
"""Values of the quantities that only make sense in some range, by name and dimensions."""

JOINT_TRIAL_VALUES: dict[frozenset[str], Callable[[int], Values]] = {
    frozenset({"alpha", "beta"}): lambda n: [(2, 1), (1, 0)],
    frozenset({"alpha", "omega"}): lambda n: [
        ([Fraction(1, 2)], [1]), ([0, 1], [Fraction(1, 2), Fraction(1, 2)]), ([1], [1]),
    ],
    frozenset({"W", "c"}): lambda n: [(w, w) for w in windows(n)],
}  # fmt: skip
"""Quantities that are chosen together, in the order of their sorted names."""


def together(rule: AllocationRule, own: Cases) -> dict[tuple[str, ...], Callable[[int], Values]]:
    """Return the groups of quantities of a registered rule that are chosen together, name -> n -> values."""
    if not _is_registered(rule):
        return {}
    return {
        tuple(sorted(group)): values
        for group, values in JOINT_TRIAL_VALUES.items()
        if group <= set(rule.needs) and not group & set(own)
    }


def values_of(rule: AllocationRule, name: str, n: int) -> Values:
    """Return values to try of one quantity.

    A rule that is not in `RULES` keeps the defaults of its quantities: they are its own choice.

    Args:
        rule: The rule.
        name: The quantity.
        n: Number of players.
    """
    need = rule.needs[name]
    if need.default is not REQUIRED and not (_is_registered(rule) and (name, need.axes) in TRIAL_VALUES):
        return [need.default]
    if rule.scope == "cells" and name in ("c", "A", "L"):
        return _of_cells(name, n)
    if (name, need.axes) in TRIAL_VALUES:
        return TRIAL_VALUES[name, need.axes](n)
    if not need.axes:
        return [1, -1, 2]
    shape = tuple(SIZES[axis](n) if axis in SIZES else FREE_AXIS_SIZE for axis in need.axes)
    entries = each_entry(1, -1, 2) if math.prod(shape) <= 4 else each_entry(1, 2)
    rows = entries(math.prod(shape)) if math.prod(shape) <= 9 else [list(range(1, math.prod(shape) + 1))]
    return [np.array(row).reshape(shape) for row in rows[:MOST_UNKNOWN_VALUES]]


def _is_registered(rule: AllocationRule) -> bool:
    """Whether a rule is the one in `RULES` of its name, whose quantities mean what the names here mean."""
    return RULES.get(rule.name) is rule


def _of_cells(name: str, n: int) -> Values:
    """Return quantities of one channel with n positions, and of two channels where n is even."""
    shapes = [(1, n)] if n % 2 else [(1, n), (2, n // 2)]
    if name == "c":
        return [np.arange(n).reshape(shape) for shape in shapes]
    entries = each_entry(1, -1, 2)
    if name == "L":
        return [row for _, positions in shapes for row in entries(positions)]
    return [np.array(row).reshape(shape) for shape in shapes for row in entries(n)]

"""Under which condition a rule keeps a criterion: sought among a few sentences, by enumeration."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.cases import Case

FEWEST = 3
"""Settings with two players or more that must satisfy a condition before it is believed."""


@dataclass(frozen=True)
class Condition:
    """A sentence about the context.

    Attributes:
        words: The sentence.
        reads: Quantities it is about.
        generic: Whether a wide unit with mixed signs, or a layer behind a ReLU, is likely to meet it; other
            conditions are met by a choice of settings only.
        test: Resolved context, number of players -> whether it is so.
    """

    words: str
    reads: frozenset[str]
    generic: bool
    test: Callable[[Mapping[str, np.ndarray], int], bool]


def _condition(words: str, reads: str, generic: bool, test: Callable[[Any, int], bool]) -> Condition:
    return Condition(words, frozenset(reads.split()), generic, test)


CONDITIONS = (
    _condition("some u_i > 0", "u", True, lambda v, n: _any(v["u"] > 0)),
    _condition("some u_i > 0 and some u_i < 0", "u", True, lambda v, n: _mixed(v["u"])),
    _condition("U ≠ 0 and z ≠ 0", "u c", True, lambda v, n: v["u"].sum() != 0 != v["u"].sum() + v["c"]),
    _condition("every u_i > 0", "u", False, lambda v, n: bool(_all(v["u"] > 0))),
    _condition("every cell is positive", "A", True, lambda v, n: bool(_all(v["A"] > 0))),
    _condition("the score of the position is positive", "L", True, lambda v, n: bool(_all(v["L"] > 0))),
    _condition("c = 0", "c", False, lambda v, n: bool(_all(v["c"] == 0))),
    _condition("ε = 0", "epsilon", False, lambda v, n: bool(_all(v["epsilon"] == 0))),
    _condition("b = 0, so x = Δ", "x Delta", False, lambda v, n: bool(_all(v["x"] == v["Delta"]))),
    _condition("each window holds one player", "W", False, lambda v, n: bool(_all(v["W"].sum(1) == 1))),
    _condition("each patch holds one player", "patch", False, lambda v, n: len(set(v["patch"])) == n),
    _condition("one patch holds all players", "patch", False, lambda v, n: len(set(v["patch"])) == 1),
)  # fmt: skip


def _any(flags: Any) -> bool:
    return bool(np.asarray(flags, dtype=bool).any())


def _mixed(values: Any) -> bool:
    return _any(values > 0) and _any(values < 0)


def _all(flags: Any) -> bool:
    return bool(np.asarray(flags, dtype=bool).all())


def rescuing(
    rule: AllocationRule, cases: Sequence[Case], broken: Sequence[bool]
) -> tuple[Condition, ...] | None:
    """Return the weakest condition, of one or two sentences, under which no case is broken.

    Args:
        rule: The rule the cases belong to.
        cases: Settings that were looked at.
        broken: Whether the criterion is broken in each.

    Returns:
        Its sentences, generic ones before equalities, the one that leaves most cases; None if there is none.
    """
    values = [rule.resolved(case.n, case.context) for case in cases]
    usable = [c for c in CONDITIONS if c.reads and c.reads <= set(rule.needs)]
    if rule.scope == "cells":
        usable = [c for c in usable if c.words != "c = 0"]  # there c counts cells
    holds = {c: [c.test(v, case.n) for v, case in zip(values, cases, strict=True)] for c in usable}
    found: list[tuple[bool, int, int, tuple[Condition, ...]]] = []
    for size in (1, 2):
        for group in itertools.combinations(usable, size):
            kept = [all(holds[c][k] for c in group) for k in range(len(cases))]
            if any(k and b for k, b in zip(kept, broken, strict=True)):
                continue
            several = sum(k and case.n > 1 for k, case in zip(kept, cases, strict=True))
            if several >= FEWEST:
                found.append((all(c.generic for c in group), -size, several, group))
    return max(found, key=lambda entry: entry[:3])[3] if found else None

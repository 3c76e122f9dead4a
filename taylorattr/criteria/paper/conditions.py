"""Where a rule keeps a criterion, and what its verdicts do not say.

Some conditions come with the form of a rule: one unit, one reference. Others are a choice of its context and
are sought among a few sentences, by enumeration: the weakest one under which no setting shows a
counterexample.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.allocate import exact_scores
from taylorattr.allocation.node_values import as_fraction
from taylorattr.allocation.rule import AllocationRule
from taylorattr.criteria.paper.cases import Case
from taylorattr.criteria.verdict import Criterion
from taylorattr.effects.symbolic import symbolic_effects

FEWEST_SETTINGS = 2
"""Settings with two players or more that must satisfy a condition before it is believed: one may do so by
chance."""

MOST_SENTENCES = 3
"""Sentences in a condition at most."""

LARGEST_INPUT = 3
"""Inputs 1 … 3 are looked at."""

REFERENCES_OF_MEAN_0 = (-1, 1)
"""The smallest reference set that is no single reference, with y² as the smallest effect that tells it from
one."""


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
    """Return a condition that reads the quantities named in one text."""
    return Condition(words, frozenset(reads.split()), generic, test)


CONDITIONS = (
    _condition("some u_i > 0", "u", True, lambda v, n: _any(v["u"] > 0)),
    _condition("some u_i > 0 and some u_i < 0", "u", True, lambda v, n: _mixed(v["u"])),
    _condition("U ≠ 0 and z ≠ 0", "u c", True, lambda v, n: v["u"].sum() != 0 != v["u"].sum() + v["c"]),
    _condition("every u_i > 0", "u", False, lambda v, n: _all(v["u"] > 0)),
    _condition("every cell is positive", "A", True, lambda v, n: _all(v["A"] > 0)),
    _condition("every L_p is positive", "L", False, lambda v, n: _all(v["L"] > 0)),
    _condition("c = 0", "c", False, lambda v, n: _all(v["c"] == 0)),
    _condition("ε = 0", "epsilon", False, lambda v, n: _all(v["epsilon"] == 0)),
    _condition("b = 0, so x = Δ", "x Delta", False, lambda v, n: _all(v["x"] == v["Delta"])),
    _condition("each window holds one player", "W", False, lambda v, n: _all(v["W"].sum(1) == 1)),
    _condition("each patch holds one player", "patch", False, lambda v, n: len(set(v["patch"])) == n),
    _condition("one patch holds all players", "patch", False, lambda v, n: len(set(v["patch"])) == 1),
    _condition("μ is uniform", "M", False, lambda v, n: _all(v["M"] == _inverses(len(v["M"])))),
    _condition("a = b = 1, where μ is uniform", "a b", False, lambda v, n: v["a"] == v["b"] == 1),
    _condition("p is Shapley's", "p", False, lambda v, n: _all(v["p"] == _shapley(n))),
)  # fmt: skip
"""What is tried, with the entries of the context as their rules name them."""


def _any(flags: Any) -> bool:
    return bool(np.asarray(flags, dtype=bool).any())


def _mixed(values: Any) -> bool:
    return _any(values > 0) and _any(values < 0)


def _all(flags: Any) -> bool:
    return bool(np.asarray(flags, dtype=bool).all())


def _inverses(count: int) -> np.ndarray:
    """Return 1/(k+1), the moments of the uniform measure."""
    return np.array([Fraction(1, k + 1) for k in range(count)], dtype=object)


def _shapley(n: int) -> np.ndarray:
    """Return 1/(n·C(n−1, t)), what a Shapley value gives each coalition of t others."""
    return np.array([Fraction(1, n * math.comb(n - 1, t)) for t in range(n)], dtype=object)


def rescuing(
    rule: AllocationRule, cases: Sequence[Case], broken: Sequence[bool]
) -> tuple[Condition, ...] | None:
    """Return the weakest condition under which no case is broken.

    Args:
        rule: The rule the cases belong to.
        cases: Settings that were looked at.
        broken: Whether the criterion is broken in each.

    Returns:
        Its sentences: generic ones before equalities, few before many, then what leaves most cases. None if
        there is none.
    """
    usable = [c for c in CONDITIONS if c.reads <= set(rule.needs)]
    if rule.scope == "cells":
        usable = [c for c in usable if "c" not in c.reads]  # there c counts cells
    several = np.array([case.n > 1 for case in cases])  # with one player nearly every rule keeps everything
    bad = np.array(broken, dtype=bool)
    holds = {c: np.array([c.test(case.resolved, case.n) for case in cases], dtype=bool) for c in usable}
    rescues: list[tuple[bool, int, int, tuple[Condition, ...]]] = []
    for size in range(1, MOST_SENTENCES + 1):
        for group in itertools.combinations(usable, size):
            satisfied = np.logical_and.reduce([holds[c] for c in group])
            left = int((satisfied & several).sum())
            if not (satisfied & bad).any() and left >= FEWEST_SETTINGS:
                rescues.append((all(c.generic for c in group), -size, left, group))
    return max(rescues, key=lambda entry: entry[:3])[3] if rescues else None


def limits(rule: AllocationRule, criterion: Criterion, level: str) -> list[str]:
    """Return the conditions that come with the form of a rule, not with a choice of its context.

    A term that lacks a player lacks it in every frame, so nothing leaks because references are many.
    """
    sentences = []
    if rule.scope == "unit":
        sentences.append("each unit is taken alone")
    if rule.per_reference and criterion != "no_leak":
        sentences.append("each reference is taken alone")
    return sentences + presumed(rule, criterion, level)


def presumed(rule: AllocationRule, criterion: Criterion, level: str) -> list[str]:
    """Return what has to be so lest a constant that is handed out as well cancels the share of an effect.

    With a bias c among the settings the constant is σ(c), and anything where c ≠ 0.
    """
    if rule.constant is None or (criterion, level) != ("coverage", "effect"):
        return []
    return ["σ(0) = 0"] if "c" in rule.needs else ["I(0) = 0"]


def reservations(rule: AllocationRule) -> tuple[str, ...]:
    """Return sentences on what the verdicts of a rule do not say."""
    sentences = []
    if rule.kind == "none":
        sentences.append(f"no allocation: {rule.domain.words}")
    if rule.per_reference:
        sentences.append(
            "one reference at a time; in one fixed frame the shares of a mean are others, eq. (22)"
        )
    if rule.constant is not None:
        sentences.append("hands out the constant I(0) as well, which is nobody's effect")
    if rule.depth:
        sentences.append(f"in a deep network: {rule.depth}")
    return tuple(sentences)


def fixed_frame_weight(rule: AllocationRule, x: int) -> Fraction:
    """Return the weight of y² at x with the references ±1 when its effect is taken at their mean, 0."""
    y: Any = sp.Symbol("y")
    scores = [exact_scores(rule, symbolic_effects(y**2, [y], [x], [b]))[0] for b in REFERENCES_OF_MEAN_0]
    return sum((as_fraction(score) for score in scores), Fraction(0)) / (len(REFERENCES_OF_MEAN_0) * x**2)


def mean_reference_weight(rule: AllocationRule, criterion: Criterion) -> str:
    """Return the smallest case in which one fixed frame breaks a criterion; empty where none does."""
    if rule.needs or "baseline" not in rule.frames:
        return ""
    for x in range(1, LARGEST_INPUT + 1):
        weight = fixed_frame_weight(rule, x)
        broken = {"complete": weight != 1, "coverage": weight == 0, "no_leak": False}[criterion]
        if broken:
            return f"at the mean reference, y² at x = {x} with references ±1 gets weight {weight}"
    return ""

"""The attributor's scores are Σ_κ w_i(κ) I(κ) on polynomials, whose effects are known exactly."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import Problem, how_many, problems, smallest
from taylorattr.design.verify.subject import EXACT, Subject, allowed
from taylorattr.effects.symbolic import symbolic_effects

COUNT = 8


@law("allocation", "ta.allocate over exact effects is Σ w_i(κ) I(κ), eq. (10), to the last digit")
def allocation(subject: Subject) -> Outcome:
    """Add up exact effects of sympy, and of the definition."""
    if subject.n > EXACT:
        return NotApplicable(f"{subject.n} players have too many coalitions for a symbolic table")
    for problem in problems(subject, COUNT):
        if _allocated(subject, problem) != subject.shares(problem.effects):
            small = smallest(
                problem, lambda p: _allocated(subject, p) != subject.shares(p.effects), free=subject.free
            )
            return Broken(
                f"ta.allocate gives {_words(_allocated(subject, small))}, and Σ w·I is "
                f"{_words(subject.shares(small.effects))}",
                str(small),
            )
    return Kept(
        f"{how_many(subject, COUNT)} polynomials of order ≤ {subject.order} of {subject.n} players, exactly"
    )


def _allocated(subject: Subject, problem: Problem) -> list[Fraction]:
    symbols = sp.symbols([f"x{k}" for k in range(problem.n)])
    terms = [c * sp.prod([v**k for v, k in zip(symbols, kappa, strict=True)]) for kappa, c in problem.terms]
    effects = symbolic_effects(sp.Add(*terms), symbols, problem.x, problem.b, frame=subject.frame)
    renamed: Any = effects
    if subject.names is not None and problem.n == subject.n:
        renamed = replace(effects, names=subject.names)
    found = subject.designed.allocate(renamed)
    return [Fraction(text) for text in found.diagnostics["exact"]]


@law("attributor", "the attributor's scores are Σ w_i(κ) I(κ) of the model, within the error it states")
def attributor_law(subject: Subject) -> Outcome:
    """Ask the attributor about polynomials."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    for problem in problems(subject, COUNT):
        if differs(subject, problem):
            small = smallest(problem, lambda p: bool(differs(subject, p)), free=subject.free)
            return Broken(differs(subject, small), str(small))
    return Kept(f"{how_many(subject, COUNT)} polynomials of order ≤ {subject.order} of {subject.n} players")


def differs(subject: Subject, problem: Problem, **options: Any) -> str:
    """Return how the attributor's scores differ from Σ w·I; empty where they do not.

    Args:
        subject: The rule.
        problem: What is asked.
        **options: Of the attributor.
    """
    x, b = problem.ends
    expected = np.array([[float(v) for v in subject.shares(problem.effects)]])
    answer = subject.attribute(problem.model, x, b, order=subject.order, **options)
    off = np.abs(answer.player_scores.numpy() - expected)
    room = allowed(answer)
    if (off <= room).all():
        return ""
    way = answer.diagnostics.get("way", "")
    return (
        f"way {way!r} gives {_numbers(answer.player_scores.numpy()[0])}, and Σ w·I is "
        f"{_numbers(expected[0])}; off by {off.max():.2g} where {float(room.max()):.2g} is stated"
    )


def _words(values: list[Fraction]) -> str:
    return "(" + ", ".join(map(str, values)) + ")"


def _numbers(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{v:.6g}" for v in values) + ")"

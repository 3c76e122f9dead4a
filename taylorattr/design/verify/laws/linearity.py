"""Scores are linear in the model: c·f, f + c and f + g."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import Problem, how_many, problems
from taylorattr.design.verify.subject import Subject, allowed

COUNT = 3
FACTOR = -2
SHIFT = 5


def _law(
    name: str, statement: str, words: str, expected: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    @law(name, statement)
    def look(subject: Subject) -> Outcome:
        if subject.obstacle:
            return NotApplicable(subject.obstacle)
        pairs = zip(problems(subject, COUNT), reversed(list(problems(subject, 2 * COUNT))), strict=False)
        for problem, other in pairs:
            x, b = problem.ends
            first, second, both = (
                subject.attribute(each.model, x, b, order=subject.order, seed=subject.seed)
                for each in (problem, other, _changed(name, problem, other))
            )
            wanted = expected(first.player_scores.numpy(), second.player_scores.numpy())
            off = np.abs(both.player_scores.numpy() - wanted)
            room = allowed(both) + abs(FACTOR) * allowed(first) + allowed(second)
            if (off > room).any():
                beside = f"; g = {_formula(other)}" if name == "additivity" else ""
                return Broken(f"the scores of {words} are off by {off.max():.2g}", f"{problem}{beside}")
        return Kept(f"{how_many(subject, COUNT)} polynomials")


def _changed(name: str, problem: Problem, other: Problem) -> Problem:
    if name == "scale":
        terms = {kappa: FACTOR * c for kappa, c in problem.terms}
    elif name == "shift":
        terms = {**dict(problem.terms), (0,) * problem.n: SHIFT}
    else:
        terms = dict(problem.terms)
        for kappa, c in other.terms:
            terms[kappa] = terms.get(kappa, 0) + c
    return Problem(tuple(terms.items()), problem.x, problem.b)


def _formula(problem: Problem) -> str:
    return str(problem).partition(" at ")[0].removeprefix("f = ")


_law("scale", "the scores of c·f are c times those of f", f"{FACTOR}·f", lambda f, g: FACTOR * f)
_law("shift", "the scores of f + c are those of f", f"f + {SHIFT}", lambda f, g: f)
_law("additivity", "the scores of f + g are those of f and of g together", "f + g", lambda f, g: f + g)

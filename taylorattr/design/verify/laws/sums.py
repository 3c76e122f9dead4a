"""Scores of a complete rule add up to f(x) − f(b)."""

from __future__ import annotations

import numpy as np

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.laws.networks import network
from taylorattr.design.verify.problems import Problem, how_many, problems, smallest
from taylorattr.design.verify.subject import Subject, allowed

COUNT = 3


@law("sums", "the scores of a complete rule add up to f(x) − f(b), of one that is not they need not")
def sums(subject: Subject) -> Outcome:
    """Add up scores on polynomials and networks."""
    if not subject.designed.report.complete.holds:
        return NotApplicable("the rule is not complete")
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    for problem in problems(subject, COUNT):
        if _missing(subject, problem):
            small = smallest(problem, lambda p: bool(_missing(subject, p)), free=subject.free)
            return Broken(_missing(subject, small), str(small))
    model, x, b = network(subject, "relu" if subject.support else "tanh", subject.seed)
    answer = subject.attribute(model, x, b)
    if (answer.gap.abs().numpy() > subject.n * allowed(answer)[:, 0]).any():
        return Broken(f"the scores miss {float(answer.gap):.2g} of f(x) − f(b) of a network")
    return Kept(f"{how_many(subject, COUNT)} polynomials and a network")


def _missing(subject: Subject, problem: Problem) -> str:
    x, b = problem.ends
    answer = subject.attribute(problem.model, x, b, order=subject.order)
    total = float(answer.player_scores.sum())
    off = np.abs(total - float(problem.delta))
    room = subject.n * float(allowed(answer).max())
    return (
        ""
        if off <= room
        else f"the scores add up to {total:.6g}, and f(x) − f(b) = {float(problem.delta):.6g}"
    )

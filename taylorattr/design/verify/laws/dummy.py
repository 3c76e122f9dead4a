"""A player that the model does not read gets nothing."""

from __future__ import annotations

from dataclasses import replace

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import Problem, how_many, problems, smallest
from taylorattr.design.verify.subject import Subject, allowed

COUNT = 4


@law("dummy", "a player that the model does not read gets 0 from a rule without leaks")
def dummy(subject: Subject) -> Outcome:
    """Leave a player out of polynomials."""
    if not subject.designed.report.no_leak.holds:
        return NotApplicable("the rule leaks")
    if not subject.to_players or subject.n < 2 or subject.obstacle:
        return NotApplicable(subject.obstacle or "there is nobody beside one player")
    for number, problem in enumerate(problems(subject, COUNT)):
        player = number % subject.n
        without = _without(problem, player)
        if without is not None and _given(subject, without):
            small = smallest(without, lambda p: bool(_given(subject, p)), free=False)
            return Broken(_given(subject, small), str(small))
    return Kept(f"{how_many(subject, COUNT)} polynomials")


def _without(problem: Problem, player: int) -> Problem | None:
    terms = tuple(term for term in problem.terms if not term[0][player])
    return replace(problem, terms=terms) if terms else None


def _given(subject: Subject, problem: Problem) -> str:
    x, b = problem.ends
    answer = subject.attribute(problem.model, x, b, order=subject.order)
    room = float(allowed(answer, 1e-12).max())
    for player, score in enumerate(answer.player_scores[0].tolist()):
        if not any(kappa[player] for kappa, _ in problem.terms) and abs(score) > room:
            return f"player {player}, which f does not read, gets {score:.3g}"
    return ""

"""Renaming the players renames the scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import MANY, Problem, problems, smallest_term
from taylorattr.design.verify.subject import Subject, allowed

TERMS = 40


@law("renaming", "other names of the players move the shares along, and change nothing else")
def renaming(subject: Subject) -> Outcome:
    """Permute the players of terms with their attributes, and of models."""
    if not subject.to_players:
        return NotApplicable("coalitions receive, not players")
    if isinstance(subject.designed.parameters.get("ratio"), dict):
        return NotApplicable("a table, whose rows belong to its players")
    random = subject.generator()
    rule, n = subject.designed.rule, subject.n
    context = {name: rule.resolved(n, subject.context or None)[name] for name in rule.needs}
    for _ in range(TERMS if n <= MANY else 2):
        order = random.permutation(n)
        kappa = random.multinomial(int(random.integers(1, subject.order + 1)), np.ones(n) / n)
        moved = {
            name: _moved(values, rule.needs[name].axes, order, name in subject.context)
            for name, values in context.items()
        }

        def differs(term: Any, order: np.ndarray = order, moved: dict[str, Any] = moved) -> bool:
            here = rule.exact_ratios(np.array([term]), context or None)[0]
            there = rule.exact_ratios(np.array([term])[:, order], moved or None)[0]
            return bool((here[order] != there).any())

        if differs(kappa):
            small = smallest_term(tuple(kappa.tolist()), differs, free=False)
            shares = [", ".join(map(str, rule.ratio(k, c or None))) for k, c in (
                (small, context), (tuple(np.array(small)[order].tolist()), moved)
            )]  # fmt: skip
            return Broken(
                f"with the players in the order {tuple(order.tolist())} the shares are ({shares[1]})",
                f"κ = {small}: shares ({shares[0]})",
            )
    return _of_models(subject, random)


def _moved(values: np.ndarray, axes: tuple[str, ...], order: np.ndarray, own: bool) -> np.ndarray:
    """Return a quantity with its players in another order; n numbers that are no attributes go by size."""
    for place, axis in enumerate(axes):
        if axis == "n" and (own or "2**n" in axes):
            values = np.take(values, order, axis=place)
        elif axis == "2**n":
            values = np.take(values, _masks(order), axis=place)
    return values


def _masks(order: np.ndarray) -> np.ndarray:
    """Return for every coalition of renamed players the mask it had before."""
    bits = np.arange(1 << len(order))[:, None] >> np.arange(len(order)) & 1
    return (bits << order).sum(axis=1)


def _of_models(subject: Subject, random: np.random.Generator) -> Outcome:
    """Permute the columns of inputs; attributes go by name, so scores do."""
    where = f"{TERMS if subject.n <= MANY else 2} terms"
    if subject.context and subject.names is None:
        return Kept(f"{where}; attributes go by position")
    if (
        subject.obstacle
        or any(need.axes for need in subject.designed.rule.needs.values())
        and not subject.context
    ):
        return Kept(where)
    for problem in problems(subject, 2):
        order = random.permutation(subject.n)
        (x, b), turned = problem.ends, _turned(problem, order)
        here = subject.attribute(problem.model, x, b, order=subject.order)
        names = None if subject.names is None else [subject.names[k] for k in order]
        there = _named(subject, turned, names)
        off = np.abs(here.player_scores.numpy()[:, order] - there.player_scores.numpy())
        if (off > allowed(here) + allowed(there)).any():
            return Broken(f"the scores of renamed players differ by {off.max():.2g}", str(problem))
    return Kept(f"{where} and 2 polynomials")


def _turned(problem: Problem, order: np.ndarray) -> Problem:
    terms = tuple((tuple(kappa[k] for k in order), c) for kappa, c in problem.terms)
    return Problem(terms, *(tuple(row[k] for k in order) for row in (problem.x, problem.b)))


def _named(subject: Subject, problem: Problem, names: list[str] | None) -> Any:
    x, b = problem.ends
    options: dict[str, Any] = {"order": subject.order}
    if names is not None:
        options["players"] = subject.groups(names)
    return subject.attribute(problem.model, x, b, **options)

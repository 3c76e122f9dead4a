"""What scores obey whatever the model: sums, dummies, linearity, other names of the players."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import (
    MANY_LAW_PLAYERS,
    Problem,
    how_many,
    network,
    problems,
    smallest,
    smallest_term,
)
from taylorattr.design.verify.subject import Subject, allowed

SUMMED = 3
"""Polynomials whose scores are added up."""


@law("sums", "the scores of a complete rule add up to f(x) − f(b), of one that is not they need not")
def sums(subject: Subject) -> Outcome:
    """Add up scores on polynomials and networks."""
    if not subject.designed.report.complete.holds:
        return NotApplicable("the rule is not complete")
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    for problem in problems(subject, SUMMED):
        if _missing(subject, problem):
            small = smallest(problem, lambda p: bool(_missing(subject, p)), free=subject.free)
            return Broken(_missing(subject, small), str(small))
    model, x, b = network(subject, "relu" if subject.support else "tanh", subject.seed)
    answer = subject.attribute(model, x, b)
    if (answer.gap.abs().numpy() > subject.n * allowed(answer)[:, 0]).any():
        return Broken(f"the scores miss {float(answer.gap):.2g} of f(x) − f(b) of a network")
    return Kept(f"{how_many(subject, SUMMED)} polynomials and a network")


def _missing(subject: Subject, problem: Problem) -> str:
    """Return by how much scores miss f(x) − f(b); empty where they add up."""
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


WITHOUT_A_PLAYER = 4
"""Polynomials from which a player is taken."""


@law("dummy", "a player that the model does not read gets 0 from a rule without leaks")
def dummy(subject: Subject) -> Outcome:
    """Leave a player out of polynomials."""
    if not subject.designed.report.no_leak.holds:
        return NotApplicable("the rule leaks")
    if not subject.to_players or subject.n < 2 or subject.obstacle:
        return NotApplicable(subject.obstacle or "there is nobody beside one player")
    for number, problem in enumerate(problems(subject, WITHOUT_A_PLAYER)):
        player = number % subject.n
        without = _without(problem, player)
        if without is not None and _outsider_share(subject, without):
            small = smallest(without, lambda p: bool(_outsider_share(subject, p)), free=False)
            return Broken(_outsider_share(subject, small), str(small))
    return Kept(f"{how_many(subject, WITHOUT_A_PLAYER)} polynomials")


def _without(problem: Problem, player: int) -> Problem | None:
    """Return the polynomial without the terms of a player, None if nothing is left."""
    terms = tuple(term for term in problem.terms if not term[0][player])
    return replace(problem, terms=terms) if terms else None


def _outsider_share(subject: Subject, problem: Problem) -> str:
    """Return which player that f does not read gets something; empty where none does."""
    x, b = problem.ends
    answer = subject.attribute(problem.model, x, b, order=subject.order)
    room = float(allowed(answer, 1e-12).max())
    for player, score in enumerate(answer.player_scores[0].tolist()):
        if not any(kappa[player] for kappa, _ in problem.terms) and abs(score) > room:
            return f"player {player}, which f does not read, gets {score:.3g}"
    return ""


PAIRS = 3
"""Pairs f, g of polynomials."""

FACTOR, SHIFT = -2, 5
"""c of c·f, and c of f + c."""


def _law(
    name: str, statement: str, words: str, expected: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    """File one law of linearity: what the scores of a changed model have to be."""

    @law(name, statement)
    def look(subject: Subject) -> Outcome:
        if subject.obstacle:
            return NotApplicable(subject.obstacle)
        pairs = zip(problems(subject, PAIRS), reversed(list(problems(subject, 2 * PAIRS))), strict=False)
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
        return Kept(f"{how_many(subject, PAIRS)} polynomials")


def _changed(name: str, problem: Problem, other: Problem) -> Problem:
    """Return c·f, f + c or f + g."""
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
    """Return a polynomial without its points."""
    return str(problem).partition(" at ")[0].removeprefix("f = ")


_law("scale", "the scores of c·f are c times those of f", f"{FACTOR}·f", lambda f, g: FACTOR * f)
_law("shift", "the scores of f + c are those of f", f"f + {SHIFT}", lambda f, g: f)
_law("additivity", "the scores of f + g are those of f and of g together", "f + g", lambda f, g: f + g)


RENAMED_TERMS = 40
"""Terms whose players are renamed."""


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
    for _ in range(RENAMED_TERMS if n <= MANY_LAW_PLAYERS else 2):
        order = random.permutation(n)
        kappa = random.multinomial(int(random.integers(1, subject.order + 1)), np.ones(n) / n)
        renamed = {
            name: _renamed(values, rule.needs[name].axes, order, name in subject.context)
            for name, values in context.items()
        }

        def differs(term: Any, order: np.ndarray = order, renamed: dict[str, Any] = renamed) -> bool:
            here = rule.exact_ratios(np.array([term]), context or None)[0]
            there = rule.exact_ratios(np.array([term])[:, order], renamed or None)[0]
            return bool((here[order] != there).any())

        if differs(kappa):
            small = smallest_term(tuple(kappa.tolist()), differs, free=False)
            shares = [", ".join(map(str, rule.ratio(k, c or None))) for k, c in (
                (small, context), (tuple(np.array(small)[order].tolist()), renamed)
            )]  # fmt: skip
            return Broken(
                f"with the players in the order {tuple(order.tolist())} the shares are ({shares[1]})",
                f"κ = {small}: shares ({shares[0]})",
            )
    return _of_models(subject, random)


def _renamed(values: np.ndarray, axes: tuple[str, ...], order: np.ndarray, own: bool) -> np.ndarray:
    """Return a quantity with its players in another order; n numbers that are no attributes go by size."""
    for dim, axis in enumerate(axes):
        if axis == "n" and (own or "2**n" in axes):
            values = np.take(values, order, axis=dim)
        elif axis == "2**n":
            values = np.take(values, _masks(order), axis=dim)
    return values


def _masks(order: np.ndarray) -> np.ndarray:
    """Return for every coalition of renamed players the mask it had before."""
    bits = np.arange(1 << len(order))[:, None] >> np.arange(len(order)) & 1
    return (bits << order).sum(axis=1)


def _of_models(subject: Subject, random: np.random.Generator) -> Outcome:
    """Return what permuting the columns of inputs shows: attributes go by name, so scores do."""
    where = f"{RENAMED_TERMS if subject.n <= MANY_LAW_PLAYERS else 2} terms"
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
        (x, b), reordered = problem.ends, _reordered(problem, order)
        here = subject.attribute(problem.model, x, b, order=subject.order)
        names = None if subject.names is None else [subject.names[k] for k in order]
        there = _named(subject, reordered, names)
        off = np.abs(here.player_scores.numpy()[:, order] - there.player_scores.numpy())
        if (off > allowed(here) + allowed(there)).any():
            return Broken(f"the scores of renamed players differ by {off.max():.2g}", str(problem))
    return Kept(f"{where} and 2 polynomials")


def _reordered(problem: Problem, order: np.ndarray) -> Problem:
    """Return a polynomial with its players in another order."""
    terms = tuple((tuple(kappa[k] for k in order), c) for kappa, c in problem.terms)
    return Problem(terms, *(tuple(row[k] for k in order) for row in (problem.x, problem.b)))


def _named(subject: Subject, problem: Problem, names: list[str] | None) -> Any:
    """Return the scores of a polynomial whose players have these names."""
    x, b = problem.ends
    options: dict[str, Any] = {"order": subject.order}
    if names is not None:
        options["players"] = subject.groups(names)
    return subject.attribute(problem.model, x, b, **options)

"""In log-odds Prediction Difference allocates neither the effects of f nor those of logit f.

Odds 1 at x, 1 and 2 at the references: exp a_1 = 5/7. Doubling logit f squares all odds and gives 7/13, not
(5/7)². Odds 1 at x, 2 at one reference: exp a_1 = ½. Halving f gives 2/3, whose square is not ½.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement, product

import sympy as sp

from proofs.refutations.refutation import Case, Finding, Refutation

ODDS = (1, 2, 3)

Difference = Callable[[sp.Expr, Sequence[sp.Expr]], sp.Expr]
"""f(x) and f(b) for each reference -> exp a_1."""


def odds(p: sp.Expr) -> sp.Expr:
    """Return p/(1 − p)."""
    return p / (1 - p)


def chance(o: sp.Expr) -> sp.Expr:
    """Return the probability with these odds."""
    return o / (1 + o)


def outside_the_mean(value: sp.Expr, references: Sequence[sp.Expr]) -> sp.Expr:
    """Return exp(logit f(x) − logit E f(b))."""
    return odds(value) / odds(sp.Add(*references) / len(references))


def settings() -> Iterator[tuple[tuple[int, ...], str, sp.Integer, list[sp.Integer]]]:
    """Yield odds of f(x) and of f at one or two references, by number of references, Σ odds."""
    for count in (1, 2):
        found = sorted(
            product(ODDS, combinations_with_replacement(ODDS, count)), key=lambda e: (e[0] + sum(e[1]), e)
        )
        for at_x, at_b in found:
            words = f"odds {at_x} at x, {' and '.join(map(str, at_b))} at the references"
            yield (1, count, at_x + sum(at_b)), words, sp.Integer(at_x), [sp.Integer(o) for o in at_b]


def doubled(difference: Difference = outside_the_mean) -> Iterator[Case]:
    """2 logit f in place of logit f, which squares all odds."""
    for size, says, at_x, at_b in settings():
        twice = difference(chance(at_x**2), [chance(o**2) for o in at_b])
        yield Case(size, says, twice, difference(chance(at_x), [chance(o) for o in at_b]) ** 2)


def halved(difference: Difference = outside_the_mean) -> Iterator[Case]:
    """f/2 in place of f: twice the difference of f/2 is that of f."""
    for size, says, at_x, at_b in settings():
        half = difference(chance(at_x) / 2, [chance(o) / 2 for o in at_b])
        yield Case(size, says, half**2, difference(chance(at_x), [chance(o) for o in at_b]))


REFUTATION = Refutation(
    name="prediction_difference_in_log_odds",
    title="In log-odds Prediction Difference allocates neither the effects of f nor those of logit f.",
    claim="a_1 = logit f(x) − logit E f(b) doubles if the effects of logit f do, and halves if those of f do",
    hypotheses="one variable, references equally likely",
    statement="logit f(x) − logit E f(b), odds 1 at x, 1 and 2 at b: 2 logit f gives exp a = 7/13, not 25/49",
    source="(26)",
    covers="one variable, odds 1, 2, 3 at x and at one or two references, by their number, Σ odds",
    lifts="Σ_κ w(κ) I(κ) is homogeneous in the effects, whatever the weights",
    findings=(
        Finding(
            claim="a(2 logit f) = 2 a(logit f), as exp a",
            cases=doubled,
            witness="odds 1 at x, 1 and 2 at the references",
            left=sp.Rational(7, 13),
            right=sp.Rational(25, 49),
        ),
        Finding(
            claim="2 a(f/2) = a(f), as exp a",
            cases=halved,
            witness="odds 1 at x, 2 at the references",
            left=sp.Rational(4, 9),
            right=sp.Rational(1, 2),
        ),
    ),
)

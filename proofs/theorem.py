"""What a theorem is, and the one function that accepts or refuses a proof.

A proof is a sequence of steps, each an equation between two sympy expressions that were built in two ways. It
is accepted if every difference comes out as the literal 0. No numbers are put in: a step that sympy cannot
reduce to 0 is refused like a false one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import sympy as sp

Number: TypeAlias = sp.Expr | int


class Step(NamedTuple):
    """One equation of a proof."""

    says: str
    left: Number
    right: Number


class ProofError(Exception):
    """A proof that does not hold.

    Attributes:
        difference: left − right of the step that was refused, as far as it could be reduced; None where the
            proof has no steps.
    """

    def __init__(self, message: str, difference: sp.Expr | None = None) -> None:
        """Keep the difference beside the message."""
        super().__init__(message)
        self.difference = difference


@dataclass(frozen=True)
class Theorem:
    """A statement and its proof.

    Attributes:
        name: Stem of the file.
        statement: One line; hypotheses are in the file's docstring.
        source: Equation of docs/theory.md, and the paper where there is one.
        covers: What the steps show: symbolic in which letters, or which finite range.
        lifts: The argument, outside the computer algebra, that leads from there to the general statement.
        prove: Yields the steps. Its arguments are what the statement claims (a sign, a coefficient), so that
            a false claim can be put through the same steps.
    """

    name: str
    statement: str
    source: str
    covers: str
    lifts: str
    prove: Callable[..., Iterator[Step]]


FORMS: tuple[Callable[[sp.Expr], Any], ...] = (
    sp.expand,
    lambda e: sp.expand(sp.powsimp(sp.expand(e))),
    sp.combsimp,
    sp.simplify,
    lambda e: sp.expand(sp.gammasimp(sp.expand_func(e))),
)
"""Equivalent forms of an expression, cheapest first; one of them has to be 0."""


def settled(expanded: sp.Expr) -> bool:
    """Return whether this is a sum of different monomials, so that it is 0 only if nothing is left."""
    return all(
        factor.is_Rational
        or factor.is_Symbol
        or (factor.is_Pow and factor.args[0].is_Symbol and factor.args[1].is_Integer)
        for term in sp.Add.make_args(expanded)
        for factor in sp.Mul.make_args(term)
    )


def reduced(difference: sp.Expr) -> sp.Expr:
    """Return 0 if one of the forms of the expression is 0, and its shortest form otherwise."""
    tried = []
    for form in FORMS:
        tried.append(form(difference))
        if tried[-1] == 0:
            return sp.Integer(0)
        if form is sp.expand and settled(tried[-1]):
            return tried[-1]
    return min(tried, key=sp.count_ops)


def check(steps: Iterable[Step]) -> list[Step]:
    """Check every step of a proof.

    Args:
        steps: The proof.

    Returns:
        The steps.

    Raises:
        ProofError: If the two sides of a step differ, or if there is no step at all.
    """
    done = []
    for step in steps:
        difference = reduced(sp.sympify(step.left) - sp.sympify(step.right))
        if difference != 0:
            raise ProofError(f"{step.says}: left − right = {difference}", difference)
        done.append(step)
    if not done:
        raise ProofError("a proof without a step proves nothing")
    return done

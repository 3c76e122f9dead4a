"""What a refutation is, and the one function that accepts or refuses it.

A claim is made about every case of a family, as an equation (or an inequality) between two expressions that
were built in two ways: a method carried out by its definition, and effects taken by derivatives. The family
is gone through by size. The claim is refuted if it fails, and the refutation is accepted if the first case in
which it fails is the one that is stated, with the sides that are stated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import sympy as sp

from proofs.theorem import Number, reduced

Size: TypeAlias = tuple[Number, ...]
"""What cases are ordered by, first entry first."""

VerdictKey: TypeAlias = tuple[str, str, str, str]
"""A cell of the table of criteria: rule, frame, criterion, level."""


CELLS = {
    "C1 term": ("coverage", "term"),
    "C1 effect": ("coverage", "effect"),
    "C2": ("no_leak", "term"),
    "C3": ("complete", "term"),
}
"""Columns of the table of criteria."""


def cells(rules: str, frame: str, *columns: str) -> tuple[VerdictKey, ...]:
    """Return cells of the table of criteria.

    Args:
        rules: Names with spaces between.
        frame: ``baseline`` or ``input``.
        *columns: Of `CELLS`.
    """
    return tuple((rule, frame, *CELLS[column]) for rule in rules.split() for column in columns)


class Case(NamedTuple):
    """A claim about one case: left = right, or left ≠ right."""

    size: Size
    says: str
    left: Number
    right: Number


class RefutationError(Exception):
    """A refutation that does not hold: the claim does, or fails elsewhere first."""


@dataclass(frozen=True)
class Finding:
    """One claim and the smallest case in which it fails.

    Attributes:
        claim: The claim, in symbols.
        cases: Yields the family by size, up to its end. It takes another method, or whatever the claim is
            about, by keyword, so that one of which it is true can be put through the same cases.
        witness: The first case that fails, as it describes itself.
        left: Left side there.
        right: Right side there.
        equal: Whether the claim is left = right; otherwise it is left ≠ right.
        refutes: Verdicts of ``taylorattr.check`` that say ✗.
        limits: Verdicts that say (✓): what happens where their condition does not hold.
    """

    claim: str
    cases: Callable[..., Iterator[Case]]
    witness: str
    left: Number
    right: Number
    equal: bool = True
    refutes: tuple[VerdictKey, ...] = ()
    limits: tuple[VerdictKey, ...] = ()


@dataclass(frozen=True)
class Refutation:
    """A false statement and where it fails.

    Attributes:
        name: What it is called.
        title: What fails, in a sentence.
        claim: The false claim.
        hypotheses: What the claim is made under, and what the cases assume.
        statement: What fails and where, in one line.
        source: Equation of docs/theory.md, and the paper where there is one.
        covers: The family that was gone through, and its order.
        lifts: What follows from the witness outside the computer algebra.
        findings: The claims that fail at it.
    """

    name: str
    title: str
    claim: str
    hypotheses: str
    statement: str
    source: str
    covers: str
    lifts: str
    findings: tuple[Finding, ...]


def first_failure(cases: Iterable[Case], *, equal: bool = True) -> tuple[Case, int]:
    """Return the first case in which a claim fails, and how many were kept before it.

    Args:
        cases: The cases, by size.
        equal: Whether the claim is left = right; otherwise it is left ≠ right.

    Raises:
        RefutationError: If none fails, or if they do not come by size.
    """
    kept, last = 0, None
    for case in cases:
        if last is not None and case.size < last.size:
            raise RefutationError(f"{case.says} comes after {last.says}, which is larger")
        last = case
        difference = reduced(sp.sympify(case.left) - sp.sympify(case.right))
        if (difference == 0) is not equal:
            return case, kept
        kept += 1
    raise RefutationError(f"the claim holds in all {kept} cases")


def refute(findings: Iterable[Finding]) -> list[str]:
    """Check a refutation.

    Args:
        findings: Its claims.

    Returns:
        What was found about each of them.

    Raises:
        RefutationError: If a claim does not fail, fails first in another case or with other sides, or if
            there is no claim.
    """
    done = []
    for finding in findings:
        case, kept = first_failure(finding.cases(), equal=finding.equal)
        found = f"{case.says}: {case.left} against {case.right}"
        stated = f"{finding.witness}: {finding.left} against {finding.right}"
        if case.says != finding.witness:
            raise RefutationError(f"{finding.claim}: stated for {stated}; the smallest failure is {found}")
        for side, value in ((case.left, finding.left), (case.right, finding.right)):
            if reduced(sp.sympify(side) - sp.sympify(value)) != 0:
                raise RefutationError(f"{finding.claim}: stated {stated}; computed {found}")
        done.append(f"{finding.claim} fails at {found}; kept in all {kept} smaller cases")
    if not done:
        raise RefutationError("a refutation without a claim refutes nothing")
    return done

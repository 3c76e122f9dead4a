"""What is said of C1, C2, C3: the verdicts of ``ta.check``, and promises where no enumeration went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from taylorattr.aliases import MultiIndex
from taylorattr.criteria.paper.cases import Case, cases
from taylorattr.criteria.three_criteria import has_part
from taylorattr.criteria.verdict import Criterion
from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import MANY_LAW_PLAYERS, smallest_term
from taylorattr.design.verify.subject import Subject

Row: TypeAlias = tuple[MultiIndex, list[Fraction], list[bool]]
"""κ, w(κ), and which receivers have a part in it."""

VERDICTS: tuple[tuple[Criterion, str], ...] = (
    ("coverage", "term"),
    ("coverage", "effect"),
    ("no_leak", "term"),
    ("complete", "term"),
)
"""The verdicts that are looked at: criterion, and whether of terms or of whole effects."""


@law("verdicts", "each verdict is what the definitions of C1, C2, C3 say, term by term")
def verdicts(subject: Subject) -> Outcome:
    """Look for a counterexample of every criterion that holds, and for one of every criterion that fails."""
    report = subject.designed.report
    counterexamples = {name: "" for name in VERDICTS}
    looked = 0
    for case, rows in _tables(subject):
        looked += len(rows)
        for name in VERDICTS:
            if not counterexamples[name]:
                counterexamples[name] = _counterexample(name, rows, case)
        if all(counterexamples.values()):
            break
    for (criterion, level), counterexample in counterexamples.items():
        verdict = report.verdict(criterion, frame=subject.frame, level=level)
        if verdict.holds and counterexample:
            return Broken(f"{criterion} of {level}s is said to hold ({verdict.statement})", counterexample)
        if verdict.status == "fails" and not counterexample:
            return Broken(
                f"{criterion} of {level}s is said to fail ({verdict.witness}), and no term looked at shows it"
            )
    return Kept(f"{looked} terms of small settings")


def _tables(subject: Subject) -> Iterator[tuple[Case, list[Row]]]:
    """Iterate over small settings with the ratios of their terms and who has a part in each."""
    rule = subject.designed.rule
    for case in cases(rule):
        table = rule.exact_ratios(case.kappas, case.context)
        parts = has_part(rule, case.kappas, case.context)
        kappas = [tuple(row) for row in case.kappas.tolist()]
        yield case, [(k, list(w), list(p)) for k, w, p in zip(kappas, table, parts, strict=True)]


def _counterexample(name: tuple[str, str], rows: list[Row], case: Case) -> str:
    """Return the first term that breaks a criterion, by its definition; empty where none does."""
    where = _in_words(case.context)
    if name == ("coverage", "effect"):
        return next((f"terms of support {s}{where}" for s, group in _supports(rows) if _hides(group)), "")
    for kappa, weights, part in rows:
        wrong = {
            "coverage": not any(weights),
            "no_leak": any(w and not inside for w, inside in zip(weights, part, strict=True)),
            "complete": sum(weights) != 1,
        }
        if wrong[name[0]]:
            return f"κ = {kappa}{where}: weights ({', '.join(map(str, weights))})"
    return ""


def _supports(rows: list[Row]) -> Iterator[tuple[tuple[int, ...], list[list[Fraction]]]]:
    """Iterate over supports with the weights of their terms."""
    groups: dict[tuple[int, ...], list[list[Fraction]]] = {}
    for kappa, weights, _ in rows:
        groups.setdefault(tuple(k for k, power in enumerate(kappa) if power), []).append(weights)
    return iter(groups.items())


def _hides(rows: list[list[Fraction]]) -> bool:
    """Return whether terms may add up to an effect of 1 of which nobody gets anything.

    Σ_κ I(κ) = 1 with Σ_κ w_i(κ) I(κ) = 0 for all i has a solution unless (1, …, 1) is in the row space.

    Args:
        rows: w(κ) of the terms of one support.

    Returns:
        Whether there are such terms.
    """
    shares = [list(column) for column in zip(*rows, strict=True)]
    return _rank(shares) < _rank([*shares, [Fraction(1)] * len(rows)])


def _rank(matrix: list[list[Fraction]]) -> int:
    """Return the rank of a matrix of fractions, by elimination."""
    rows, rank = [list(row) for row in matrix], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((k for k in range(rank, len(rows)) if rows[k][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for k in range(rank + 1, len(rows)):
            factor = rows[k][column] / rows[rank][column]
            if factor:
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[rank], strict=True)]
        rank += 1
    return rank


TRIED_SETTINGS = 6
"""Numbers of players, or settings of attributes."""

TERMS_OF_A_SETTING = 30
"""Terms that are drawn in each."""

MOST_LAW_PLAYERS = 8
"""Players of a rule for any number, at most."""

LARGEST_LAW_ORDER = 12
"""Order of the terms, at most."""


@law("guarantees", "no large term breaks a criterion that is said to hold")
def guarantees(subject: Subject) -> Outcome:
    """Draw large terms, and settings of the attributes."""
    promised = [
        (criterion, why)
        for criterion in ("coverage", "no_leak", "complete")
        if (verdict := subject.designed.report.verdict(criterion, frame=subject.frame)).holds
        for why in [verdict.statement]
    ]
    if not promised:
        return NotApplicable("no criterion is said to hold for every term")
    random = subject.generator()
    settings = TRIED_SETTINGS if subject.n <= MANY_LAW_PLAYERS else 1
    for _ in range(settings):
        n = (
            int(random.integers(1, MOST_LAW_PLAYERS + 1))
            if subject.free and subject.to_players
            else subject.n
        )
        context = _shuffled(subject, random) if n == subject.n else {}
        # drawn, not enumerated: what a proof says of every term is looked for where no table reached
        kappas = np.stack([_kappa(subject, random, n) for _ in range(TERMS_OF_A_SETTING)])
        for criterion, why in promised:
            wrong = _breaking(subject, criterion, kappas, context)
            if wrong.any():
                row = tuple(kappas[int(wrong.argmax())].tolist())
                return Broken(
                    f"{criterion} is said to hold: {why}", _smallest(subject, criterion, row, context)
                )
    words = ", ".join(criterion for criterion, _ in promised)
    return Kept(f"{words} on {settings * TERMS_OF_A_SETTING} terms of order ≤ {_largest(subject)}")


def _largest(subject: Subject) -> int:
    """Return the largest order of drawn terms."""
    reach = subject.designed.rule.reach
    return LARGEST_LAW_ORDER if reach is None else reach


def _kappa(subject: Subject, random: np.random.Generator, n: int) -> np.ndarray:
    """Return a random term of n players."""
    return random.multinomial(int(random.integers(1, _largest(subject) + 1)), random.dirichlet(np.ones(n)))


def _smallest(subject: Subject, criterion: str, kappa: MultiIndex, context: dict[str, Any]) -> str:
    """Return the smallest term found that breaks a criterion, with its weights."""

    def breaks(term: MultiIndex) -> bool:
        return bool(_breaking(subject, criterion, np.array([term]), context)[0])

    small = smallest_term(kappa, breaks, free=subject.free and subject.to_players)
    shares = ", ".join(map(str, subject.ratio(small, context)))
    return f"κ = {small}{_in_words(context)}: weights ({shares})"


def _shuffled(subject: Subject, random: np.random.Generator) -> dict[str, Any]:
    """Return the attributes with their values dealt out anew."""
    size = subject.n
    return {
        name: [entries[k] for k in random.integers(0, size, size)]
        for name, entries in subject.context.items()
    }


def _breaking(subject: Subject, criterion: str, kappas: np.ndarray, context: dict[str, Any]) -> np.ndarray:
    """Return which terms break a criterion, shape (M,)."""
    table = subject.designed.rule.exact_ratios(kappas, context or None)
    if criterion == "coverage":
        return np.array([not any(row) for row in table])
    if criterion == "complete":
        return np.array([sum(row, Fraction(0)) != 1 for row in table])
    return (has_part(subject.designed.rule, kappas, context) < (table != 0)).any(axis=1)


def _in_words(context: Mapping[str, Any]) -> str:
    """Return the quantities of a setting as they stand behind a term."""
    return "".join(f", {name} = {entries}" for name, entries in context.items())

"""The verdicts of ``ta.check`` against an enumeration that shares no code with it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias

from taylorattr.aliases import MultiIndex
from taylorattr.criteria.paper.cases import Case, cases
from taylorattr.criteria.three_criteria import has_part
from taylorattr.criteria.verdict import Criterion
from taylorattr.design.verify.law import Broken, Kept, Outcome, law
from taylorattr.design.verify.subject import Subject

Row: TypeAlias = tuple[MultiIndex, list[Fraction], list[bool]]
"""κ, w(κ), and which receivers have a part in it."""

NAMES: tuple[tuple[Criterion, str], ...] = (
    ("coverage", "term"),
    ("coverage", "effect"),
    ("no_leak", "term"),
    ("complete", "term"),
)


@law("verdicts", "each verdict is what the definitions of C1, C2, C3 say, term by term")
def verdicts(subject: Subject) -> Outcome:
    """Look for a counterexample of every criterion that holds, and for one of every criterion that fails."""
    report = subject.designed.report
    open_ones = {name: "" for name in NAMES}
    looked = 0
    for case, rows in _tables(subject):
        looked += len(rows)
        for name in NAMES:
            if not open_ones[name]:
                open_ones[name] = _counterexample(name, rows, case)
        if all(open_ones.values()):
            break
    for (criterion, level), found in open_ones.items():
        verdict = report.verdict(criterion, frame=subject.frame, level=level)
        if verdict.holds and found:
            return Broken(f"{criterion} of {level}s is said to hold ({verdict.statement})", found)
        if verdict.status == "fails" and not found:
            return Broken(
                f"{criterion} of {level}s is said to fail ({verdict.witness}), and no term looked at shows it"
            )
    return Kept(f"{looked} terms of small settings")


def _tables(subject: Subject) -> Iterator[tuple[Case, list[Row]]]:
    rule = subject.designed.rule
    for case in cases(rule):
        table = rule.exact_ratios(case.kappas, case.context)
        parts = has_part(rule, case.kappas, case.context)
        kappas = [tuple(row) for row in case.kappas.tolist()]
        yield case, [(k, list(w), list(p)) for k, w, p in zip(kappas, table, parts, strict=True)]


def _counterexample(name: tuple[str, str], rows: list[Row], case: Case) -> str:
    where = "".join(f", {key} = {value}" for key, value in case.context.items())
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
    groups: dict[tuple[int, ...], list[list[Fraction]]] = {}
    for kappa, weights, _ in rows:
        groups.setdefault(tuple(k for k, power in enumerate(kappa) if power), []).append(weights)
    return iter(groups.items())


def _hides(rows: list[list[Fraction]]) -> bool:
    """Whether terms add up to an effect of 1 of which nobody gets anything: 1 is no combination of shares.

    Σ_κ I(κ) = 1 with Σ_κ w_i(κ) I(κ) = 0 for all i has a solution unless (1, …, 1) is in the row space.

    Args:
        rows: w(κ) of the terms of one support.

    Returns:
        Whether there are such terms.
    """
    shares = [list(column) for column in zip(*rows, strict=True)]
    return _rank(shares) < _rank([*shares, [Fraction(1)] * len(rows)])


def _rank(matrix: list[list[Fraction]]) -> int:
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

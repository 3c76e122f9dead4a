"""``ta.check``: the three criteria of a rule on paper, by algebra and by the smallest counterexample."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Any, overload

import numpy as np

from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.cases import LARGEST_N, ORDER, Case, Cases, cases
from taylorattr.criteria.complete import incomplete
from taylorattr.criteria.conditions import rescuing
from taylorattr.criteria.coverage import cancelling, uncovered
from taylorattr.criteria.identities import always_complete, never_leaks
from taylorattr.criteria.no_leak import leaks
from taylorattr.criteria.parts import has_part
from taylorattr.criteria.references import mean_reference_weight
from taylorattr.criteria.report import CriteriaReport, CriteriaTable
from taylorattr.criteria.verdict import Criterion, Verdict
from taylorattr.criteria.witness import about_effect, about_term
from taylorattr.maths.frames import binomial, lower


@overload
def check(rule: str | AllocationRule, *, own_cases: Cases | None = None) -> CriteriaReport: ...
@overload
def check(rule: Iterable[str | AllocationRule] | Callable[..., bool]) -> CriteriaTable: ...


def check(
    rule: str | AllocationRule | Iterable[str | AllocationRule] | Callable[..., bool],
    *,
    own_cases: Cases | None = None,
) -> CriteriaReport | CriteriaTable:
    """Say which of the three criteria a rule keeps, with a proof or the smallest counterexample.

    C1 coverage: Σ_i |w_i(κ)| > 0 for every κ, at effect level Σ_i |a_i| > 0 for every J(S) ≠ 0 (eq. 12). C2
    no leak: w_i(κ) = 0 whenever κ_i = 0. C3 complete: Σ_i w_i(κ) = 1. First the formula is tried by algebra;
    then every term up to order 4 of up to 3 players is looked at in exact arithmetic, in small settings of
    everything the ratio reads besides κ. Verdicts in the frame that the ratio is not stated in come from eq.
    (9a).

    Args:
        rule: A name in ``ta.RULES``, a rule, several of these, or the built-in ``all`` for every rule.
        own_cases: Name of a quantity -> n -> values to try, for a rule of one's own.

    Returns:
        Report of one rule, or a table.

    Raises:
        OptionError: If there is no such rule.

    Source: docs/theory.md §3, §4; the six methods that keep all three: Deng et al., arXiv 2303.01506.
    """
    if rule is builtins.all or rule == "all":
        return CriteriaTable(tuple(check(each) for each in RULES.values()))
    if isinstance(rule, str):
        rule = RULES[rule]
    if isinstance(rule, AllocationRule):
        return _check(rule, own_cases)
    assert isinstance(rule, Iterable)
    return CriteriaTable(tuple(check(each) for each in rule))


def _check(rule: AllocationRule, own: Cases | None) -> CriteriaReport:
    settings = list(cases(rule, own))
    verdicts: list[Verdict] = []
    for frame in _frames(rule):
        tables = [_ratios(rule, case, frame) for case in settings]
        verdicts += _verdicts(rule, frame, settings, tables)
    return CriteriaReport(
        rule=rule.name,
        formula=rule.formula,
        kind=rule.kind,
        source=rule.source,
        verdicts=tuple(verdicts),
        settings=len(settings),
        reservation=rule.depth,
        extra=rule.extra,
    )


def _frames(rule: AllocationRule) -> list[str]:
    """Return the frames a verdict is given in: the rule's own first, the other where eq. (9a) leads there."""
    frames: list[str] = list(rule.frames)
    has_twin = any(r.variant == "input" for r in RULES.of_method(rule.method))
    if rule.kind in ("U", "S") and rule.scope == "players" and not has_twin:
        frames += [frame for frame in ("baseline", "input") if frame not in frames]
    return frames


def _ratios(rule: AllocationRule, case: Case, frame: str) -> np.ndarray:
    own = rule.exact_ratios(case.kappas, case.context)
    if frame in rule.frames:
        return own
    row = {tuple(kappa): own[k] for k, kappa in enumerate(case.kappas.tolist())}
    return np.array(
        [
            sum((-1) ** (sum(mu) + 1) * binomial(tuple(kappa), mu) * row[mu] for mu in lower(tuple(kappa)))
            for kappa in case.kappas.tolist()
        ],
        dtype=object,
    )


def _verdicts(
    rule: AllocationRule, frame: str, settings: list[Case], tables: list[np.ndarray]
) -> list[Verdict]:
    own = frame in rule.frames
    parts = [has_part(rule, case.kappas, case.context) for case in settings]

    def rows(flags: Callable[[int], np.ndarray]) -> Callable[[int], str]:
        def broken(k: int) -> str:
            found = np.flatnonzero(flags(k))
            return about_term(rule, settings[k], int(found[0]), tables[k]) if len(found) else ""

        return broken

    def cancelled(k: int) -> str:
        kappas = settings[k].kappas
        for support in np.unique(kappas > 0, axis=0):
            inside = np.flatnonzero(((kappas > 0) == support).all(axis=1))
            found = cancelling(tables[k][inside])
            if found is not None:
                return about_effect(rule, settings[k], {int(inside[r]): v for r, v in found.items()})
        return ""

    shown: list[tuple[Criterion, str, Callable[[int], str], str]] = [
        ("coverage", "term", rows(lambda k: uncovered(tables[k])), ""),
        ("coverage", "effect", cancelled, ""),
        ("no_leak", "term", rows(lambda k: leaks(tables[k], parts[k])), never_leaks(rule) if own else ""),
        ("complete", "term", rows(lambda k: incomplete(tables[k])), always_complete(rule) if own else ""),
    ]
    verdicts = []
    complete = ""
    for criterion, level, broken, identity in reversed(shown):
        if criterion == "complete":
            complete = identity
        if criterion == "coverage" and complete:
            identity = "follows from complete, eq. (11)"
        findings = [broken(k) for k in range(len(settings))]
        verdicts.append(_verdict(rule, frame, criterion, level, settings, findings, identity))
    return verdicts[::-1]


def _verdict(
    rule: AllocationRule,
    frame: str,
    criterion: Criterion,
    level: str,
    settings: list[Case],
    findings: list[str],
    identity: str,
) -> Verdict:
    said: dict[str, Any] = {"criterion": criterion, "frame": frame, "level": level}
    witness = next((text for text in findings if text), "")
    if witness:
        group = rescuing(rule, settings, [bool(text) for text in findings])
        words = " and ".join(condition.words for condition in group or ())
        if group is None or not all(condition.generic for condition in group):
            return Verdict("fails", condition=words, witness=witness, **said)
        return Verdict("conditional", condition=words, witness=witness, **said)
    looked = f"every term of order ≤ {ORDER} of ≤ {LARGEST_N} players in {len(settings)} settings, exactly"
    statement = identity or (f"{looked}; theorem {rule.proof}" if rule.proof else looked)
    limits = (["for each unit in its own inputs"] if rule.scope == "unit" else []) + (
        ["each effect in the frame of its own reference"] if rule.per_reference else []
    )
    if limits:
        witness = mean_reference_weight(criterion) if rule.per_reference else ""
        condition = ", ".join(limits)
        return Verdict("conditional", condition=condition, statement=statement, witness=witness, **said)
    return Verdict("holds", statement=statement, **said)

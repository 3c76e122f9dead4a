"""``ta.check``: the three criteria of a rule on paper, by algebra and by the smallest counterexample.

For each frame: `algebra` tries to prove each criterion, `counterexamples` looks at every small term in every
setting of `cases`, and where it finds one `conditions` looks for what would rescue the criterion.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import overload

from taylorattr.allocation.rule import RULES, AllocationRule, AnyRule, CarriesRule
from taylorattr.criteria.paper.algebra import always_complete, never_leaks
from taylorattr.criteria.paper.cases import cases, far_case
from taylorattr.criteria.paper.conditions import (
    limits,
    mean_reference_weight,
    presumed,
    rescuing,
    reservations,
)
from taylorattr.criteria.paper.counterexamples import Counterexample, CounterexampleSearch
from taylorattr.criteria.paper.criteria_report import CriteriaReport, CriteriaTable
from taylorattr.criteria.paper.trial_values import Cases
from taylorattr.criteria.verdict import Criterion, Verdict
from taylorattr.errors import OptionError, TaylorAttrError


@overload
def check(rule: AnyRule, *, own_cases: Cases | None = None) -> CriteriaReport: ...
@overload
def check(rule: Iterable[AnyRule] | Callable[..., bool]) -> CriteriaTable: ...


def check(
    rule: AnyRule | Iterable[AnyRule] | Callable[..., bool],
    *,
    own_cases: Cases | None = None,
) -> CriteriaReport | CriteriaTable:
    """Say which of the three criteria a rule keeps, with a proof or the smallest counterexample.

    C1 coverage: Σ_i |w_i(κ)| > 0 for every κ, at effect level Σ_i |a_i| > 0 for every J(S) ≠ 0 (eq. 12). C2
    no leak: w_i(κ) = 0 whenever κ_i = 0. C3 complete: Σ_i w_i(κ) = 1. First the formula is tried by algebra;
    then every term up to order 4 of up to 3 players (order 5 of 5 where the ratio reads κ alone) is looked at
    in exact arithmetic, in small settings of everything the ratio reads besides κ. Verdicts in the frame that
    the ratio is not stated in come from eq. (9a).

    Args:
        rule: A name in ``ta.RULES``, a rule, a designed rule, several of these, or the built-in ``all`` for
            every rule.
        own_cases: Name of a quantity -> n -> values to try, for a rule of one's own.

    Returns:
        Report of one rule, or a table.

    Raises:
        OptionError: If there is no such rule, or none of the settings tried lies inside its domain.

    Source: docs/theory.md §3, §4; the six methods that keep all three: Deng et al., arXiv 2303.01506.
    """
    if rule is builtins.all:
        return CriteriaTable(tuple(_check(each, None) for each in RULES.values()))
    if isinstance(rule, str):
        rule = RULES[rule]
    if isinstance(rule, CarriesRule):
        rule = rule.rule
    if isinstance(rule, AllocationRule):
        return _check(rule, own_cases)
    if not isinstance(rule, Iterable) or own_cases is not None:
        raise OptionError(
            f"check takes a name, a rule, several of these or the built-in all, not {rule!r}; own_cases goes "
            "with one rule"
        )
    return CriteriaTable(tuple(check(each) for each in rule))


def _check(rule: AllocationRule, own: Cases | None) -> CriteriaReport:
    """Return the report on one rule; see `check`."""
    settings = cases(rule, own)
    tables = [rule.exact_ratios(case.kappas, case.context) for case in settings]
    far = _far_search(rule)
    by_frame = {
        frame: _verdicts(
            CounterexampleSearch(rule, frame, settings, tables), far if frame in rule.frames else None
        )
        for frame in _frames(rule)
    }
    if len(rule.frames) > 1:  # the ratio is the same in both, eq. (9)
        own_frame = by_frame[rule.frames[0]]
        by_frame |= {frame: [replace(verdict, frame=frame) for verdict in own_frame] for frame in rule.frames}
    verdicts = tuple(verdict for frame in by_frame for verdict in by_frame[frame])
    return CriteriaReport(
        rule=rule.name,
        formula=rule.formula,
        kind=rule.kind,
        source=rule.source,
        verdicts=verdicts,
        settings=len(settings),
        reservations=reservations(rule),
        extra=rule.extra,
    )


def _far_search(rule: AllocationRule) -> CounterexampleSearch | None:
    """Return what is looked at beyond the small terms, None where there is nothing to look at."""
    case = far_case(rule)
    if case is None:
        return None
    try:
        table = rule.exact_ratios(case.kappas, case.context)
    except TaylorAttrError:  # a function or a domain that does not go that far
        return None
    return CounterexampleSearch(rule, rule.frames[0], [case], [table])


def _frames(rule: AllocationRule) -> list[str]:
    """Return the frames to look at: the first of the rule's own, and the other where eq. (9a) leads there."""
    frames: list[str] = list(rule.frames[:1])
    has_twin = any(r.variant == "input" for r in RULES.of_method(rule.method))
    if rule.kind in ("U", "S") and rule.scope == "players" and len(rule.frames) == 1 and not has_twin:
        frames += [frame for frame in ("baseline", "input") if frame not in frames]
    return frames


def _verdicts(search: CounterexampleSearch, far: CounterexampleSearch | None = None) -> list[Verdict]:
    """Return C1 of terms and of effects, C2 and C3 in one frame.

    Args:
        search: The small terms, in every setting.
        far: Terms beyond them.
    """
    rule, own_frame = search.rule, search.frame in search.rule.frames
    no_leak = never_leaks(rule) or rule.by_construction.get("no_leak", "")
    if no_leak and not own_frame:
        no_leak += ", and by eq. (9a) so does that of this frame"
    # sums of ratios do not carry over to the other frame
    complete = (always_complete(rule) or rule.by_construction.get("complete", "")) if own_frame else ""
    coverage = "follows from complete, eq. (11)" if complete else ""
    coverage = coverage or (rule.by_construction.get("coverage", "") if own_frame else "")
    verdicts = [
        _verdict(search, "coverage", "term", search.uncovered(), coverage),
        _verdict(search, "coverage", "effect", search.cancelled(), coverage),
        _verdict(search, "no_leak", "term", search.leaks(), no_leak),
        _verdict(search, "complete", "term", search.incomplete(), complete),
    ]
    if far is None:
        return verdicts
    unproved = {"coverage": not coverage, "no_leak": not no_leak, "complete": not complete}
    return [_beyond(verdict, far) if unproved[verdict.criterion] else verdict for verdict in verdicts]


def _beyond(verdict: Verdict, far: CounterexampleSearch) -> Verdict:
    """Return a verdict that rests on the small terms, or that it fails at one beyond them."""
    if verdict.status != "holds":
        return verdict
    cases = {"coverage": far.uncovered, "no_leak": far.leaks, "complete": far.incomplete}[verdict.criterion]()
    smallest = next((one for one in cases if one is not None), None)
    if smallest is None:
        return verdict
    return replace(verdict, status="fails", statement="", witness=far.describe(smallest))


def _verdict(
    search: CounterexampleSearch,
    criterion: Criterion,
    level: str,
    by_setting: list[Counterexample | None],
    identity: str,
) -> Verdict:
    """Return the verdict on one criterion.

    Args:
        search: What was looked at.
        criterion: The criterion.
        level: ``term`` or ``effect``.
        by_setting: The smallest counterexample in each setting.
        identity: What proves the criterion by algebra or construction; empty where nothing does.
    """
    rule = search.rule
    bounds = limits(rule, criterion, level)
    smallest = min((one for one in by_setting if one is not None), key=lambda one: one.key, default=None)
    if smallest is not None:
        group = rescuing(rule, search.settings, [one is not None for one in by_setting])
        usual = group is not None and all(condition.generic for condition in group)
        sentences = [condition.words for condition in group or ()]
        beside = bounds if usual else presumed(rule, criterion, level) if sentences else []
        return Verdict(
            "conditional" if usual else "fails",
            criterion=criterion,
            frame=search.frame,
            level=level,
            condition=" and ".join([*sentences, *beside]),
            statement="kept in every setting looked at that meets the condition" if sentences else "",
            witness=search.describe(smallest),
        )
    statement = identity or search.looked_at + (f"; theorem {rule.proof}" if rule.proof else "")
    return Verdict(
        "conditional" if bounds else "holds",
        criterion=criterion,
        frame=search.frame,
        level=level,
        condition=" and ".join(bounds),
        statement=statement,
        witness=mean_reference_weight(rule, criterion) if rule.per_reference else "",
    )

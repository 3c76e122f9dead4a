"""The rule of a method that reads the operations of a network, from its answers on single units.

Where no known rule gives the scores, three things show without a ratio: whether the scores of a unit add up
to its change; whether an identity unit, whose only effects are the inputs' own u_i, hands them to others; and
coverage where sums are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from taylorattr.allocation.rule import RULES
from taylorattr.criteria.paper.check import check
from taylorattr.criteria.probe.activation_units import FALLBACK_RULE, SAME_ON_UNITS, ActivationReadings
from taylorattr.criteria.probe.power_units import (
    HIGHEST_JUDGED_ORDER,
    Responses,
    UnitMatch,
    fitted,
    unit_matches,
)
from taylorattr.criteria.probe.probed_rule import ProbedRule
from taylorattr.criteria.probe.rule_from_monomials import MonomialAnswer
from taylorattr.criteria.verdict import Verdict

LARGEST_RESIDUAL = 1e-8
"""Relative residual from which a ratio is no function of κ and signs, eq. (51)."""


def rule_of_units(
    on_monomials: MonomialAnswer,
    answers: Sequence[Responses],
    activations: ActivationReadings,
    own: Mapping[str, Mapping[str, Any]],
    tolerance: float,
) -> tuple[ProbedRule, list[str]]:
    """Return the rule that single units show, with what shows it.

    Args:
        on_monomials: The ratios that were read off monomials.
        answers: Responses of units z^m; none where the method refused them.
        activations: Scores of activations.
        own: Rule -> name of a quantity -> value, given by the user.
        tolerance: Relative difference of scores that is rounding or a stabiliser.
    """
    n = len(on_monomials.points[0].delta)
    fits = [fitted(group) for group in answers]
    left = [
        residual
        for (_, residual), group in zip(fits, answers, strict=True)
        if group.order <= HIGHEST_JUDGED_ORDER
    ]
    residual = max(left, default=None)
    powers = unit_matches(answers, own) if answers else []
    by_activation = activations.rules(tolerance)
    name, seen_on, nearest, distance = named(powers, activations, by_activation, tolerance)
    patterns = dict.fromkeys(tuple(group.signs) for group in answers)
    tables = [
        np.concatenate([w for (w, _), g in zip(fits, answers, strict=True) if tuple(g.signs) == signs])
        for signs in patterns
    ]
    if seen_on == "units":
        also = [m.name for m in powers if m.distance <= tolerance and m.name != name]
    else:
        also = [rule for rule, same in SAME_ON_UNITS.items() if same == name and RULES[rule].scope == "unit"]
    left_out = [a for a, rules in by_activation.items() if seen_on == "activations" and name not in rules]
    probed = ProbedRule(
        name=name,
        seen_on=seen_on,
        nearest=nearest,
        distance=distance,
        same_ratio=tuple(also),
        kind=RULES[name].kind if name else _kind(tables, residual, tolerance),
        additive=on_monomials.additive,
        verdicts=_on_paper(name, left_out) if name else unit_verdicts(answers, activations, tolerance),
        **on_monomials.tensors(),
        unit_ratios=torch.from_numpy(np.stack(tables) if tables else np.zeros((0, 0, n))),
        unit_residual=residual,
        activations=by_activation,
        misfits=(),
    )
    return probed, _evidence(on_monomials, name, residual, powers, by_activation, activations)


def named(
    powers: Sequence[UnitMatch],
    activations: ActivationReadings,
    by_activation: Mapping[str, Sequence[str]],
    tolerance: float,
) -> tuple[str, str, str, float]:
    """Return name, where it was seen, nearest rule and distance.

    The rule of most activations is the name, unless an activation has neither it nor the plain gradient.
    """
    leading = activations.leading(tolerance)
    if leading:
        odd = [a for a, rules in by_activation.items() if not {leading, FALLBACK_RULE} & set(rules)]
        own = [a for a, rules in by_activation.items() if leading in rules]
        far = max(activations.distances[a][leading] for a in odd or own)
        return "" if odd else leading, "activations", leading, far
    if powers:
        best = powers[0]
        return best.name if best.distance <= tolerance else "", "units", best.name, best.distance
    tables = list(activations.distances.values())
    medians = {rule: float(np.median([t[rule] for t in tables])) for rule in (tables[0] if tables else {})}
    nearest = min(medians, key=lambda rule: medians[rule], default="")
    return "", "activations", nearest, medians.get(nearest, 0.0)


def _kind(tables: Sequence[np.ndarray], residual: float | None, tolerance: float) -> str:
    """Return R where no ratio of κ fits, G where it depends on the signs of u, else U."""
    if residual is None or residual > LARGEST_RESIDUAL:
        return "R"
    signed = len(tables) > 1 and float(np.abs(tables[0] - tables[1]).max()) > tolerance
    return "G" if signed else "U"


def _on_paper(name: str, left_out: Sequence[str]) -> tuple[Verdict, ...]:
    """Return the verdicts on the rule whose scores were seen, less the activations left to the gradient."""
    limit = f"the activation is not {', '.join(left_out)}, left to the plain gradient" if left_out else ""

    def on_units(verdict: Verdict) -> Verdict:
        """Return a verdict on paper as one on units."""
        limited = bool(limit) and verdict.status != "fails"
        return replace(
            verdict,
            status="conditional" if limited else verdict.status,
            level="unit",
            condition=" and ".join(part for part in (verdict.condition, limit if limited else "") if part),
            statement=f"it gives the scores of {name}; {verdict.statement or 'on paper'}",
        )

    return tuple(on_units(v) for v in check(name).verdicts if v.frame == "baseline" and v.level == "term")


def _evidence(
    on_monomials: MonomialAnswer,
    name: str,
    residual: float | None,
    powers: Sequence[UnitMatch],
    by_activation: Mapping[str, tuple[str, ...]],
    activations: ActivationReadings,
) -> list[str]:
    """Return what was seen, in sentences; activations with the same rules are told of together."""
    lines = []
    if on_monomials.table is not None:
        lines.append(
            "reads the operations of a network: on monomials it is "
            f"{on_monomials.name or 'no known rule'}, on units {name or 'no known rule'}"
        )
    if residual is not None:
        answer = "a function of κ and signs" if residual <= LARGEST_RESIDUAL else "no function of κ and signs"
        nearest = f"; {powers[0].name} to {powers[0].distance:.1g}" if powers else ""
        lines.append(f"units z^m: residual {residual:.1g}, so the ratio is {answer}{nearest}")
    groups: dict[tuple[str, ...], list[str]] = {}
    for activation, rules in by_activation.items():
        groups.setdefault(rules, []).append(activation)
    lines += [
        f"{', '.join(names)}: {' = '.join(rules) or 'no known rule'}" for rules, names in groups.items()
    ]
    lines += [f"{activation}: refused ({error})" for activation, error in activations.refused.items()]
    return lines


def unit_verdicts(
    answers: Sequence[Responses], activations: ActivationReadings, tolerance: float
) -> tuple[Verdict, ...]:
    """Return coverage, no leak and complete of single units.

    Args:
        answers: Responses of units z^m; none where the method refused them.
        activations: Scores of activations.
        tolerance: Relative difference that is rounding.
    """
    complete = _complete(answers, activations, tolerance)
    no_leak = _no_leak(answers, complete, tolerance)
    if complete.status == "holds":
        coverage = Verdict(
            "holds", "coverage", "baseline", "unit", statement="follows from complete, eq. (11)"
        )
    else:
        lost = next((g for g in answers if not np.abs(g.mean).sum(1).all()), None)
        witness = (
            "" if lost is None else f"z^{lost.order} with u = {_vector(lost.u[0])}: nobody gets anything"
        )
        status = "undecided" if lost is None else "fails"
        coverage = Verdict(status, "coverage", "baseline", "unit", witness=witness)
    return coverage, no_leak, complete


def _complete(answers: Sequence[Responses], activations: ActivationReadings, tolerance: float) -> Verdict:
    """Return whether scores add up to σ(z) − σ(c), judged by the worst unit."""
    worst, witness = 0.0, ""
    for group in answers:
        if group.order > HIGHEST_JUDGED_ORDER:
            continue
        due, total = group.u.sum(1) ** group.order, group.mean.sum(1)
        gaps = np.abs(total - due) / np.maximum(np.abs(group.mean).max(1), np.abs(due))
        at = int(gaps.argmax())
        if gaps[at] > worst:
            worst = float(gaps[at])
            witness = (
                f"z^{group.order} with u = {_vector(group.u[at])}: {total[at]:.6g} instead of {due[at]:.6g}"
            )
    for name, gap in activations.gaps.items():
        if gap > max(worst, activations.tolerance(name, tolerance)):
            worst = gap
            witness = f"{name} with a bias: the sum misses σ(z) − σ(c) by {gap:.2g} of the largest score"
    broken = worst > tolerance
    return Verdict(
        "fails" if broken else "holds",
        "complete",
        "baseline",
        "unit",
        statistic=worst,
        tolerance=tolerance,
        witness=witness if broken else "",
    )


def _no_leak(answers: Sequence[Responses], complete: Verdict, tolerance: float) -> Verdict:
    """Judge identity units: each input's only effect is u_i, so right totals with other shares are a leak."""
    for group in answers:
        if group.order != 1 or complete.status != "holds":
            continue
        gaps = np.abs(group.mean - group.u).max(1) / np.abs(group.u).max(1)
        at = int(gaps.argmax())
        broken = gaps[at] > tolerance
        if broken:
            shares = f"identity with u = {_vector(group.u[at])} gets {_vector(group.mean[at])}"
            return Verdict(
                "fails", "no_leak", "baseline", "unit", "", float(gaps[at]), tolerance, witness=shares
            )
    statement = "a ratio would be needed: no known rule gives these scores"
    return Verdict("undecided", "no_leak", "baseline", "unit", statement=statement)


def _vector(values: np.ndarray) -> str:
    return f"({', '.join(f'{v:.4g}' for v in values)})"

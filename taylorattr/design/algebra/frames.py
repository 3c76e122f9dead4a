"""The other frame: ``transport`` keeps the scores, eq. (9a), and ``or_twin`` keeps the ratio, eq. (69)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.build import attributor, build
from taylorattr.design.designed import DesignedRule, shared
from taylorattr.design.ways.interface import Way
from taylorattr.design.ways.paths import Pieces, Power, Straight
from taylorattr.design.ways.sampled_orders import SampledOrders
from taylorattr.errors import OptionError
from taylorattr.maths.frames import binomial, lower


def transport(rule: str | AllocationRule | DesignedRule, name: str | None = None) -> DesignedRule:
    """Make the rule of the other frame that gives the same scores, eq. (9a).

    w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ).

    Effects are other numbers seen from the input, so verdicts may differ although the scores do not:
    Gradient×Input, κ_i from the baseline, becomes 1[κ = e_i]. No leak and completeness carry over: μ ≤ κ has
    no players that κ lacks, and rows that add up to 1 do so again.

    Args:
        rule: A rule of players.
        name: Name of the rule; default: the rule's with ``_from_input`` or ``_from_baseline``.

    Returns:
        The transported rule, checked and filed.
    """
    base = attributor(rule)
    here = base.rule.frames[0]
    there = "input" if here == "baseline" else "baseline"
    made = replace(
        base.rule,
        name=name or f"{base.name}_from_{there}",
        proof="",
        source=f"{base.name} seen from the {there}, eq. (9a)",
        extra=True,
        frame=there,
        by_construction=shared(
            [base], "no_leak", f"{base.name} leaks nothing, and every μ ≤ κ has only players of κ (9a)"
        )
        | shared([base], "complete", f"{base.name} is complete, and Σ (−1)^(|μ|+1) C(κ, μ) = 1 (9a)"),
    )
    if len(base.rule.frames) == 1:  # a self-dual rule is its own transport, eq. (9)
        made = replace(
            made, symbolic=sp.Symbol(f"{base.name} by (9a)"), where={}, evaluator=_evaluator(base.rule)
        )
    return build(
        made, ways=base.ways, attributes=base.attributes, origin="transport", parameters={"rule": base}
    )


def _evaluator(rule: AllocationRule) -> Any:
    """Return the evaluator of w^x(κ) = Σ_{0≠μ≤κ} (−1)^{|μ|+1} C(κ, μ) w(μ)."""

    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        context = {name: values[name] for name in rule.needs}
        below = {kappa: list(lower(kappa)) for kappa in map(tuple, kappas.tolist())}
        row_of = {mu: row for row, mu in enumerate({mu for each in below.values() for mu in each})}
        rows = np.array(list(row_of), dtype=np.int64).reshape(len(row_of), kappas.shape[1])
        table = rule.exact_ratios(rows, context)
        denominator = math.lcm(*(share.denominator for share in table.reshape(-1)))
        # whole numbers over one denominator add up faster than fractions, which reduce at every step
        whole: Any = np.frompyfunc(int, 1, 1)(table * denominator)
        out = np.empty(kappas.shape, dtype=object)
        for row, kappa in enumerate(map(tuple, kappas.tolist())):
            signed = [(-1) ** (sum(mu) + 1) * binomial(kappa, mu) for mu in below[kappa]]
            taken = whole[[row_of[mu] for mu in below[kappa]]]
            total = np.array(signed, dtype=object) @ taken if signed else [0] * len(kappa)
            out[row] = [Fraction(int(value), denominator) for value in total]
        return out if exact else out.astype(np.float64)

    return evaluate


def or_twin(rule: str | AllocationRule | DesignedRule, name: str | None = None) -> DesignedRule:
    """Make the rule with the same ratio on OR-effects: expanded at x towards b, eq. (6), (8).

    AND-effects are there once all their players are, OR-effects as soon as one is (69). The twin of
    Occlusion-1 counts what a player does alone; those of Integrated Gradients and Shapley are these rules
    themselves (9).

    Args:
        rule: A rule of the frame of the baseline.
        name: Name of the twin; default: the rule's with ``_or``.

    Returns:
        The twin, checked and filed.

    Raises:
        OptionError: If the rule is one of the input's frame already.
    """
    base = attributor(rule)
    if base.rule.frames == ("input",):
        raise OptionError(
            f"{base.name} is a rule of frame 'input' already; or_twin starts from frame 'baseline'"
        )
    made = replace(
        base.rule,
        name=name or f"{base.name}_or",
        frame="input",
        proof="",
        source=f"OR-twin of {base.name}, eq. (69)",
        extra=True,
    )
    ways: list[Way] = []
    draw: Any = None
    for way in base.ways:
        if isinstance(way, Power | Pieces | Straight):
            ways.append(replace(way, from_input=True, name_of_rule=made.name))
        if isinstance(way, SampledOrders):
            draw = way.draw
    return build(
        made, ways=ways, attributes=base.attributes, draw=draw, origin="or_twin", parameters={"rule": base}
    )

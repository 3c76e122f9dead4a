"""``ta.design.transport``: the same scores as shares of the effects of the other frame, eq. (9a)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.algebra.proofs import shared
from taylorattr.design.attributors import attributor
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
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
    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        context = {name: values[name] for name in rule.needs}
        below = {kappa: list(lower(kappa)) for kappa in map(tuple, kappas.tolist())}
        place = {mu: row for row, mu in enumerate({mu for each in below.values() for mu in each})}
        rows = np.array(list(place), dtype=np.int64).reshape(len(place), kappas.shape[1])
        table = rule.exact_ratios(rows, context)
        shared = math.lcm(*(share.denominator for share in table.reshape(-1)))
        whole: Any = np.frompyfunc(int, 1, 1)(table * shared)  # whole numbers add up faster than fractions
        out = np.empty(kappas.shape, dtype=object)
        for row, kappa in enumerate(map(tuple, kappas.tolist())):
            signed = [(-1) ** (sum(mu) + 1) * binomial(kappa, mu) for mu in below[kappa]]
            taken = whole[[place[mu] for mu in below[kappa]]]
            total = np.array(signed, dtype=object) @ taken if signed else [0] * len(kappa)
            out[row] = [Fraction(int(value), shared) for value in total]
        return out if exact else out.astype(np.float64)

    return evaluate

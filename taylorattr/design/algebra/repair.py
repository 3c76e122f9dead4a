"""``ta.design.repair``: the nearest complete rule without leaks, eq. (53) to (56)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, Indicator, i, kappa, s, total
from taylorattr.criteria.paper.cases import cases
from taylorattr.design.build import attributor, build
from taylorattr.design.designed import DesignedRule, keeps
from taylorattr.design.formulas import inlined, of_player, simplified
from taylorattr.design.ways.other_rules import MeasuredParts
from taylorattr.errors import OptionError

Method = Literal["project", "simplex", "normalise"]
"""How a row is repaired; see `repair`."""

ZERO: Any = Fraction(0)
"""Exact, so that numpy keeps rows of fractions as objects."""

KEEPS = {
    "project": {
        "coverage": "follows from complete, eq. (11)",
        "no_leak": "outsiders are set to 0, eq. (53)",
        "complete": "what a row lacks of 1 is added to its members in equal parts, eq. (53)",
    },
    "simplex": {
        "coverage": "follows from complete, eq. (11)",
        "no_leak": "outsiders are set to 0, eq. (54)",
        "complete": "each row is projected on the simplex of its members, eq. (54)",
    },
    "normalise": {
        "coverage": "follows from complete, eq. (11)",
        "no_leak": "outsiders are set to 0, eq. (54)",
        "complete": "each row is divided by its sum, eq. (54)",
    },
}
"""Method -> criterion -> why the repaired rule keeps it."""


def repair(
    rule: str | AllocationRule | DesignedRule, method: Method = "project", name: str | None = None
) -> DesignedRule:
    """Make a rule that keeps all three criteria out of one that does not.

    Args:
        rule: A rule of players.
        method: ``project``: the nearest row with C2 and C3, what it lacks of 1 added to the members in equal
            parts (53); ``simplex``: the nearest one without negative weights (54); ``normalise``: members'
            weights divided by their sum, for rows that are not negative (54).
        name: Name of the repaired rule; default: the rule's with ``_repaired``.

    Returns:
        The repaired rule; where it is one that has a name, it says so: Occlusion-1 projected is Shapley,
        Gradient×Input normalised Integrated Gradients (55).

    Raises:
        OptionError: Unknown method, or a row that cannot be normalised (the smallest is named).
    """
    if method not in KEEPS:
        raise OptionError(f"method={method!r}; expected 'project', 'simplex' or 'normalise'")
    base = attributor(rule)
    made = replace(
        base.rule,
        name=name or f"{base.name}_repaired",
        proof="",
        where={},
        source=f"{base.name} repaired by {method}, eq. (53) to (56)",
        extra=True,
        by_construction=KEEPS[method],
        frame=base.rule.frames[0],
        kind="X" if base.rule.needs else base.rule.kind,
    )
    if method == "normalise":
        _require_normal(base.rule)
    if method != "simplex" and keeps(base, "no_leak") and keeps(base, "complete"):
        made = replace(made, where=base.rule.where, kind=base.rule.kind)
        origin = {"origin": "repair", "parameters": {"rule": base, "method": method}}
        return build(made, ways=base.ways, attributes=base.attributes, **origin)
    if base.rule.evaluator is None and method != "simplex":
        made = replace(made, symbolic=_formula(inlined(base.rule), method))
    else:
        word = {"project": "projected", "simplex": "projected on the simplex", "normalise": "normalised"}[
            method
        ]
        made = replace(
            made, symbolic=sp.Symbol(f"{base.name} {word}"), evaluator=_evaluator(base.rule, ROWS[method])
        )
    projected = method == "project" and base.rule.frames[0] == "baseline" and base.rule.granularity == "term"
    way = MeasuredParts(
        lambda: base.attribution_method, _add_deficits, "what each effect lacks is added to its members"
    )
    return build(
        made,
        ways=(way,) if projected else (),
        attributes=base.attributes,
        origin="repair",
        parameters={"rule": base, "method": method},
    )


def _formula(ratio: Expr, method: str) -> Expr:
    """Return the repaired ratio as a formula."""
    member = Indicator(kappa[i] > 0)
    other, letter = of_player(ratio)
    inside = total(other * Indicator(kappa[letter] > 0), letter)
    whole = member * ratio / inside if method == "normalise" else member * (ratio + (1 - inside) / s)
    return simplified(whole)


def _require_normal(rule: AllocationRule) -> None:
    """Raise OptionError if a row has a negative weight, or none, among its members."""
    for case in cases(rule):
        table = rule.exact_ratios(case.kappas, case.context)
        inside = case.kappas > 0
        sums = np.where(inside, table, ZERO).sum(axis=1)
        wrong = (np.where(inside, table, ZERO) < 0).any(axis=1) | (sums == 0)
        if wrong.any():
            row = int(wrong.argmax())
            shares = ", ".join(map(str, table[row]))
            raise OptionError(
                f"{rule.name} gives κ = {tuple(case.kappas[row].tolist())} the weights ({shares}), which "
                "cannot be divided by their sum into shares; use method='project' or 'simplex'"
            )


def projected(row: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return w_i + (1 − Σ_{k∈S} w_k)/|S| for members, 0 for others, eq. (53)."""
    lacking = (1 - row[inside].sum()) / int(inside.sum())
    return np.where(inside, row + lacking, ZERO)


def on_simplex(row: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the nearest members' weights ≥ 0 that add up to 1, by sorting and a threshold, eq. (54)."""
    members = sorted(row[inside], reverse=True)
    threshold = ZERO
    partial = ZERO
    for count, value in enumerate(members, start=1):
        partial += value
        candidate = (partial - 1) / count
        if value > candidate:
            threshold = candidate
    return np.where(inside, np.maximum(row - threshold, ZERO), ZERO)


def normalised(row: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return w_i/Σ_{k∈S} w_k for members, eq. (54)."""
    return np.where(inside, row / row[inside].sum(), ZERO)


ROWS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "project": projected,
    "simplex": on_simplex,
    "normalise": normalised,
}
"""Method -> a row of exact weights and who is a member -> the repaired row."""


def _evaluator(rule: AllocationRule, repaired: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Any:
    """Return the evaluator of a rule whose rows are repaired one by one, in exact arithmetic."""

    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        context = {name: values[name] for name in rule.needs}
        table = rule.exact_ratios(kappas, context)
        out = np.empty(table.shape, dtype=object)
        for position, (row, inside) in enumerate(zip(table, kappas > 0, strict=True)):
            out[position] = repaired(row, inside) if inside.any() else ZERO
        return out if exact else out.astype(np.float64)

    return evaluate


def _add_deficits(allocation: np.ndarray, effects: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return Σ_S of A_i(S) without its leaks, with the deficit shared by the members, eq. (56)."""
    inside = members.T
    own = np.where(inside, allocation, 0.0)
    sizes = np.maximum(members.sum(axis=1), 1)
    lacking = np.where(members.any(axis=1), effects - own.sum(axis=0), 0.0) / sizes
    return (own + inside * lacking).sum(axis=1)

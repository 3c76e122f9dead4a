"""``ta.design.symmetrise``: the mean of a rule over all ways to name the players."""

from __future__ import annotations

import itertools
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
from taylorattr.design.guarantees import names_no_player
from taylorattr.errors import BudgetError

MOST_RENAMED_PLAYERS = 7
"""Players up to which all n! names are gone through."""


def symmetrise(rule: str | AllocationRule | DesignedRule, name: str | None = None) -> DesignedRule:
    """Make the rule that treats players alike: (1/n!) Σ_π w_{π(i)}(π(κ)), attributes staying with the seats.

    Criteria are kept: they do not depend on names. A rule that treats players alike comes out as it was, and
    the mean of rules that give each effect to its last member in some order is Shapley.

    Args:
        rule: A rule of players.
        name: Name of the rule; default: the rule's with ``_symmetrised``.

    Returns:
        The symmetric rule, checked and filed.

    Raises:
        BudgetError: When it is evaluated for more than 7 players and no formula says that it is symmetric
            already.
    """
    base = attributor(rule)
    made = replace(
        base.rule,
        name=name or f"{base.name}_symmetrised",
        proof="",
        source=f"{base.name}, averaged over the names of the players",
        extra=True,
        frame=base.rule.frames[0],
        by_construction=shared(
            [base], "no_leak", f"{base.name} leaks nothing, whatever the players are called"
        )
        | shared([base], "complete", f"{base.name} is complete, whatever the players are called"),
    )
    if names_no_player(base.rule):
        return build(
            made,
            ways=base.ways,
            attributes=base.attributes,
            origin="symmetrise",
            parameters={"rule": base},
        )
    made = replace(
        made, symbolic=sp.Symbol(f"mean of {base.name}"), evaluator=_evaluator(base.rule), where={}
    )
    return build(made, attributes=base.attributes, origin="symmetrise", parameters={"rule": base})


def _evaluator(rule: AllocationRule) -> Any:
    """Return the evaluator of the mean.

    It depends on the exponents alone, not on who has them: one term of each kind is worked out.
    """

    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        context = {name: values[name] for name in rule.needs}
        means: dict[tuple[int, ...], np.ndarray] = {}
        out = np.empty(kappas.shape, dtype=object)
        for row, kappa in enumerate(kappas):
            order = np.argsort(-kappa, kind="stable")
            kind = tuple(
                (kappa[order] > 0 if rule.granularity == "support" else kappa[order]).astype(int).tolist()
            )
            if kind not in means:
                means[kind] = _mean(rule, kind, context)
            out[row, order] = means[kind]
        return out if exact else out.astype(np.float64)

    return evaluate


def _mean(rule: AllocationRule, kappa: tuple[int, ...], context: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (1/n!) Σ_π w_{π(i)}(π(κ))."""
    n = len(kappa)
    if n > MOST_RENAMED_PLAYERS:
        raise BudgetError(
            f"the mean of {rule.name} over the names of {n} players has {n}! parts (limit "
            f"{MOST_RENAMED_PLAYERS} players); group the inputs with players="
        )
    orders = np.array(list(itertools.permutations(range(n))))
    # players of equal exponents make terms that are the same: each is worked out once
    terms, row_of_order = np.unique(np.asarray(kappa)[orders], axis=0, return_inverse=True)
    table = rule.exact_ratios(terms, context)[row_of_order.reshape(-1)]
    total = np.full(n, Fraction(0), dtype=object)
    for order, row in zip(orders, table, strict=True):
        total[order] = total[order] + row
    return total / math.factorial(n)

"""Semivalues and interaction indices: differences of outputs weighted by the size of the coalition joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.extra.interaction_indices import interaction_rule
from taylorattr.allocation.extra.semivalues import SEMIVALUE
from taylorattr.allocation.extra.semivalues import semivalue as semivalue_rule
from taylorattr.allocation.rule import AllocationRule, Domain
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.exact_numbers import exact
from taylorattr.design.families.family import family
from taylorattr.errors import OptionError
from taylorattr.maths.semivalues import weights_of

KEEPS = {"no_leak": "marginal contributions of a player without effects are 0, eq. (63)"}


@family(
    "semivalue",
    ratio="w_s = Σ_t C(n−s, t−s+1) p_t for i ∈ S",
    keeps=KEEPS,
    parameters="p_t, the weight of a marginal contribution to t others; or ω_t, of the mean one; or w_s",
    source="eq. (63); Dubey, Neyman & Weber (1981); ω: Kwon & Zou, arXiv 2209.13429",
    only_complete="shapley",
)
def semivalue(
    p: Sequence[Any] | None = None,
    *,
    omega: Sequence[Any] | None = None,
    shares: Sequence[Any] | Callable[[int], Any] | None = None,
    name: str = "my_semivalue",
    complete: bool | None = None,
) -> DesignedRule:
    """Make a rule that weights marginal contributions by the size of the coalition joined.

    a_i = Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)) = Σ_{S∋i} w_{|S|} J(S). Exactly one of three is given.

    Args:
        p: p_0 … p_{n−1}.
        omega: ω_1 … ω_n of WeightedSHAP, p_t = ω_{t+1}/(n C(n−1, t)); mean 1 keeps independent effects whole.
        shares: w_1 … w_n, or s -> w_s for any number of players.
        name: Name of the rule.
        complete: True promises completeness, which of all semivalues only Shapley's has: s·w_s = 1.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: Not exactly one of the three, weights that are no numbers, a promise that does not hold.
    """
    count = sum(value is not None for value in (p, omega, shares))
    if count != 1:
        raise OptionError(f"a semivalue is given by one of p=, omega= or shares=; {count} are given")
    if callable(shares):
        return build(
            _of_shares(shares, name), origin="semivalue", parameters={"shares": shares}, complete=complete
        )
    if p is not None:
        weights = _numbers("p", p)
    elif omega is not None:
        rows = _numbers("omega", omega)
        n = len(rows)
        weights = [value / (n * comb(n - 1, t)) for t, value in enumerate(rows)]
    else:
        weights = weights_of(_numbers("shares", shares))
    rule = replace(
        semivalue_rule(weights, name),
        by_construction=KEEPS,
        tried={"p": lambda n: [weights]},
        players=len(weights),
        source=SEMIVALUE.source,
    )
    return build(rule, origin="semivalue", parameters={"p": weights}, complete=complete)


def _numbers(what: str, values: Any) -> list[Fraction]:
    """Return the numbers of a row exactly."""
    try:
        numbers = [exact(value) for value in values]
    except (TypeError, ValueError) as error:
        raise OptionError(f"{what}: {error}; give one number per size") from None
    if not numbers:
        raise OptionError(f"{what} is empty; give one number per size")
    return numbers


def _of_shares(shares: Callable[[int], Any], name: str) -> AllocationRule:
    """Return the rule that gives a member of a coalition of s players the share w(s)."""

    def evaluate(kappas: np.ndarray, values: Any, exactly: bool) -> np.ndarray:
        inside = kappas > 0
        sizes = inside.sum(axis=1)
        known = {int(s): _share(shares, int(s)) for s in set(sizes.tolist()) if s}
        row = np.array([known.get(int(s), Fraction(0)) for s in sizes], dtype=object)
        nothing: Any = Fraction(0)
        ratios = np.where(inside, row[:, None], nothing)
        return ratios if exactly else ratios.astype(np.float64)

    return AllocationRule(
        name=name,
        symbolic=sp.Symbol("w(s)·1[κᵢ > 0]"),
        kind="S",
        frame="baseline",
        granularity="support",
        domain=Domain("every function"),
        source=SEMIVALUE.source,
        proof="",
        extra=True,
        evaluator=evaluate,
        by_construction=KEEPS,
    )


def _share(shares: Callable[[int], Any], size: int) -> Fraction:
    """Return the share of one size as an exact number."""
    try:
        return exact(shares(size))
    except Exception as error:  # whatever the user's function raises or returns
        raise OptionError(f"shares({size}) gives no number: {type(error).__name__}: {error}") from error


def interaction(index: str, order: int = 2, name: str | None = None) -> DesignedRule:
    """Make an interaction index: effects are shared out to coalitions of at most `order` players.

    Args:
        index: ``sii``, ``k_sii``, ``stii``, ``fsii``, ``bii`` (or ``banzhaf_interaction``), ``fbii`` or
            ``chii``.
        order: Largest size of a coalition that receives.
        name: Name of the rule; default: the index and its order.

    Returns:
        The rule, checked and filed; its receivers are coalitions.

    Raises:
        OptionError: If there is no such index, or the order is below 1.
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise OptionError(f"order={order!r}; expected a whole number, at least 1")
    made = interaction_rule(index, order, name or f"my_{index}_{order}")
    return build(
        replace(made, tried={"k": lambda n: [order]}),
        origin="interaction",
        parameters={"index": index, "order": order},
    )

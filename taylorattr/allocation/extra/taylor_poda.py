"""TaylorPODA: every effect is shared among its players by coefficients that are free to choose.

arXiv 2507.10643; docs/theory.md eq. (68). Coefficients per coalition that add up to 1 satisfy all criteria.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, indexed, j, kappa, total

_xi = indexed("xi")
_S: Expr = sp.Symbol("S", integer=True, nonnegative=True)
_bit: Expr = sp.Integer(2) ** (j - 1)

SUM_OFF_BY = 1e-9
"""How far coefficients of one coalition may be from adding up to 1."""


def _not_shares(context: Mapping[str, np.ndarray]) -> str | None:
    """Coefficients that are not shares of the members of their coalition."""
    xi = np.asarray(context["xi"], dtype=np.float64)
    members = np.arange(len(xi))[:, None] >> np.arange(xi.shape[1]) & 1
    sums = (xi * members).sum(1)[1:]
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_OFF_BY)
    if not len(wrong):
        return None
    return f"the members of coalition number {wrong[0] + 1} have coefficients adding up to {sums[wrong[0]]:g}"


TAYLOR_PODA = RULES.add(
    AllocationRule(
        name="taylor_poda",
        symbolic=_xi[_S, i] * Indicator(kappa[i] > 0),
        where={_S: total(_bit * Indicator(kappa[j] > 0))},
        kind="X",
        frame="baseline",
        granularity="support",
        domain=Domain(
            "every function, coefficients that add up to 1 in each coalition", excludes=_not_shares
        ),
        source="eq. (68); arXiv 2507.10643",
        proof="taylor_poda",
        needs={
            "xi": Need(
                "share of each player in each coalition, rows in bitmask order; that of ∅ is not read",
                ("2**n", "n"),
            )
        },
        extra=True,
    )
)


def taylor_poda(xi: Any, name: str = "taylor_poda/own") -> AllocationRule:
    """Return TaylorPODA with given coefficients.

    Args:
        xi: ξ_{i,S}, shape (2ⁿ, n), rows in bitmask order.
        name: Name of the rule.
    """
    return TAYLOR_PODA.fixed(name, xi=xi)

"""Semivalues: a player's marginal contributions, weighted by the size of the coalition it joins.

a_i = Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)): Dubey, Neyman & Weber (1981); docs/theory.md eq. (63).
Seen from x, OR-effects take p_{n−1−t} in place of p_t, so Banzhaf has the same shares in both frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, choose, i, indexed, kappa, n, q, s

_p, _omega = indexed("p"), indexed("omega")
_two: Expr = sp.Integer(2)
_member: Expr = Indicator(kappa[i] > 0)


def _chosen(weight: Expr) -> Expr:
    """Return Σ_t C(n−s, t−s+1) p_t, to the members of the support."""
    return _member * sp.Sum(choose(n - s, q - s + 1) * weight, (q, 0, n - 1))


SEMIVALUE = RULES.add(
    AllocationRule(
        name="semivalue",
        symbolic=_chosen(_p[q]),
        kind="S",
        frame="baseline",
        granularity="support",
        domain=Domain("every function"),
        source="eq. (63); Dubey, Neyman & Weber (1981)",
        proof="semivalues",
        needs={"p": Need("p_t, weight of one marginal contribution to a coalition of t others, t = 0 … n−1")},
        extra=True,
    )
)

BANZHAF = RULES.add(
    AllocationRule(
        name="semivalue/banzhaf",
        symbolic=_member * _two ** (1 - s),
        kind="S",
        frame="both",
        granularity="support",
        domain=Domain("every function"),
        source="eq. (63); Banzhaf (1965), Hammer & Holzman (1992)",
        proof="semivalues",
        extra=True,
    )
)

WEIGHTED_SHAP = RULES.add(
    AllocationRule(
        name="semivalue/weighted_shap",
        symbolic=_chosen(_omega[q] / (n * choose(n - 1, q))),
        kind="S",
        frame="baseline",
        granularity="support",
        domain=Domain("every function"),
        source="eq. (63); Kwon & Zou (2022), arXiv 2209.13429",
        proof="semivalues",
        needs={"omega": Need("ω_t, weight of the mean marginal contribution to t−1 others, t = 1 … n")},
        extra=True,
    )
)


def semivalue(p: Sequence[Any], name: str = "semivalue/own") -> AllocationRule:
    """Return the semivalue of weights p_0 … p_{n−1}, for n players; exact where p is rational.

    Args:
        p: p_t, the weight of one marginal contribution to a coalition of t others. Shapley: t!(n−1−t)!/n!;
            Banzhaf: 2^{−(n−1)}; Occlusion-1: p_{n−1} = 1 alone.
        name: Name of the rule.
    """
    return SEMIVALUE.fixed(name, p=p)


def weighted_shap(omega: Sequence[Any], name: str = "semivalue/own_weighted_shap") -> AllocationRule:
    """Return WeightedSHAP with weights ω_1 … ω_n; all ω_t = 1 is Shapley.

    Args:
        omega: ω_t, the weight of the mean marginal contribution to t − 1 others.
        name: Name of the rule.
    """
    return WEIGHTED_SHAP.fixed(name, omega=omega)

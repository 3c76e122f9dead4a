"""Integrated Gradients: a term of order m is shared in proportion to the exponents, κ_i/m.

Sundararajan, Taly & Yan (2017); the ratio: docs/theory.md eq. (18), Deng et al., arXiv 2303.01506.
"""

from __future__ import annotations

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import i, indexed, kappa, m, q, total

INTEGRATED_GRADIENTS = RULES.add(
    AllocationRule(
        name="integrated_gradients",
        symbolic=kappa[i] / m,
        kind="U",
        frame="both",
        granularity="term",
        domain=Domain("functions whose Taylor series converges at x", series=True),
        source="eq. (18), T1; Sundararajan, Taly & Yan (2017)",
        proof="integrated_gradients",
    )
)

_alpha, _omega = indexed("alpha"), indexed("omega")
_nodes = sp.Symbol("Q", integer=True, positive=True)

QUADRATURE = RULES.add(
    AllocationRule(
        name="integrated_gradients/quadrature",
        symbolic=kappa[i] * total(_omega[q] * _alpha[q] ** (m - 1), q, _nodes),
        kind="U",
        frame="baseline",
        granularity="term",
        domain=Domain("functions whose Taylor series converges at x", series=True),
        source="eq. (19)",
        proof="quadrature",
        needs={
            "Q": Need("number of nodes", ()),
            "alpha": Need("nodes in [0, 1] along the path from b to x", ("Q",)),
            "omega": Need("weights of the nodes; they add up to 1", ("Q",)),
        },
    )
)

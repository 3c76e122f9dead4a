"""Integrated Gradients: a term of order m is shared in proportion to the exponents, κ_i/m.

Sundararajan, Taly & Yan (2017); the ratio: docs/theory.md eq. (18), Deng et al., arXiv 2303.01506.
"""

from __future__ import annotations

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import i, indexed, kappa, m, q, total
from taylorattr.maths.path_rules import PathRule, path_rule

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
            "alpha": Need("nodes in [0, 1] along the path from b to x", ("Q",)),
            "omega": Need("weights of the nodes; they add up to 1", ("Q",)),
        },
    )
)


def quadrature(nodes: PathRule, count: int) -> AllocationRule:
    """Return what a discretised Integrated Gradients does: κ_i Σ_q ω_q α_q^{m−1}, eq. (19).

    Args:
        nodes: ``gauss_legendre``, ``left``, ``right``, ``midpoint`` or ``trapezoid``.
        count: Number of nodes Q. Gauss–Legendre up to 64 nodes has the weights κ_i/m for m ≤ 2Q exactly.

    Raises:
        OptionError: The name is unknown or the count too small.
    """
    alpha, omega = path_rule(nodes, count)
    return QUADRATURE.fixed(f"integrated_gradients/{nodes}_{count}", alpha=alpha, omega=omega)

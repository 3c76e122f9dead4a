"""DeepLIFT RevealCancel on one unit σ(z): pure terms to their group, mixed terms half to each.

The groups are the inputs that push z up and those that pull it down, two players of a Shapley game:
Shrikumar et al. (2017), arXiv 1704.02685, §3.5.2; docs/theory.md eq. (41), (42).
"""

from __future__ import annotations

import sympy as sp

from taylorattr.allocation.lrp_alpha_beta import DOWN, GROUPS, UP, kappa_minus, kappa_plus
from taylorattr.allocation.lrp_epsilon import CONTRIBUTIONS
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, i, kappa

_half: Expr = sp.Symbol("h", real=True)
_MIXED = sp.And(kappa_plus > 0, kappa_minus > 0)

DEEPLIFT_REVEAL_CANCEL = RULES.add(
    AllocationRule(
        name="deeplift_reveal_cancel",
        symbolic=_half * kappa[i] * (UP / kappa_plus + DOWN / kappa_minus),
        kind="G",
        frame="both",
        granularity="term",
        domain=Domain("one unit of an analytic σ", series=True),
        source="eq. (41), T6; Shrikumar et al. (2017)",
        proof="deeplift_reveal_cancel",
        where={
            _half: sp.Piecewise((sp.Rational(1, 2), _MIXED), (1, True)),
            kappa_plus: GROUPS[kappa_plus],
            kappa_minus: GROUPS[kappa_minus],
        },
        needs={"u": CONTRIBUTIONS},
        scope="unit",
        depth=(
            "one hidden layer: a ratio for the network only where all units share the signs of w_ji Δ_i, "
            "eq. (44). Deeper, in the bookkeeping by parts: formal shares A_i(κ), eq. (45), (47)"
        ),
    )
)

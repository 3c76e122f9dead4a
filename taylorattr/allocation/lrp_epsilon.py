"""LRP-ε on one unit σ(z), z = Σ_i u_i + c with u_i = w_i a_i: κ_i/m, scaled by U/d.

Bach et al. (2015), eq. 58; docs/theory.md eq. (29) to (32). Below the unit is expanded at a = 0; with the
constant I(0) = σ(c) the rule hands out something that is nobody's effect. Where σ(0) ≠ 0 and ε > 0, walks
over operations stabilise the activation and the sum each: all shares of such a unit get z/d once more.
"""

from __future__ import annotations

from typing import cast

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, indexed, j, kappa, m, total

u = indexed("u")
_c, _epsilon, _y, _slope = sp.symbols("c epsilon y slope", real=True)
_U, _z, _d = sp.symbols("U z d", real=True)

CONTRIBUTIONS = Need("what input j adds to the unit, u_j = w_j a_j (w_j Δ_j against a baseline)")
NEEDS = {
    "u": CONTRIBUTIONS,
    "c": Need("bias of the unit", (), 0.0),
    "epsilon": Need("ε ≥ 0 of the sum", (), 1e-6),
}
_WHERE = {_U: total(u[j]), _z: _U + _c, _d: _z + _epsilon * sp.sign(_z)}
_ONE_OF_I, _ORDER_ONE = cast(Expr, sp.Eq(kappa[i], 1)), cast(Expr, sp.Eq(m, 1))
_FIRST = Indicator(sp.And(_ONE_OF_I, _ORDER_ONE))

DEPTH = (
    "ReLU networks, ε = 0: Gradient×Input, 1[κ = eᵢ] in frame input; with ε each unit on a path adds the "
    "factor z/d, eq. (32). Smooth networks: shares depend on the network, layer by layer only"
)

LRP_EPSILON = RULES.add(
    AllocationRule(
        name="lrp_epsilon",
        symbolic=_U / _d * kappa[i] / m,
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain("one unit of an analytic σ, reference 0", series=True),
        source="eq. (29); Bach et al. (2015), eq. 58",
        proof="lrp_epsilon",
        where=_WHERE,
        needs=NEEDS,
        scope="unit",
        constant=u[i] / _d,
        depth=DEPTH,
    )
)

RELU = RULES.add(
    AllocationRule(
        name="lrp_epsilon/relu",
        symbolic=_z / _d * _FIRST,
        kind="X",
        frame="input",
        granularity="term",
        domain=Domain("one active or linear unit, expanded at its input"),
        source="eq. (31)",
        proof="lrp_epsilon",
        where=_WHERE,
        needs=NEEDS,
        scope="unit",
        depth=DEPTH,
    )
)

INPUT_FRAME = RULES.add(
    AllocationRule(
        name="lrp_epsilon/input_frame",
        symbolic=_y / (_d * _slope) * _FIRST,
        kind="X",
        frame="input",
        granularity="term",
        domain=Domain(
            "one unit of any differentiable σ with σ′(z) ≠ 0",
            excludes=lambda context: "σ′(z) = 0" if not float(context["slope"]) else None,
        ),
        source="eq. (31)",
        proof="lrp_epsilon",
        where=_WHERE,
        needs={
            **NEEDS,
            "y": Need("value σ(z) of the unit", ()),
            "slope": Need("its derivative σ′(z)", ()),
        },
        scope="unit",
        depth=DEPTH,
    )
)

BIAS_FREE = RULES.add(
    AllocationRule(
        name="lrp_epsilon/bias_free",
        symbolic=kappa[i] / m,
        kind="U",
        frame="baseline",
        granularity="term",
        domain=Domain("one unit without bias, σ(0) = 0, ε = 0, reference 0", series=True),
        source="eq. (29)",
        proof="lrp_epsilon",
        scope="unit",
        depth="networks without biases: Rescale with baseline 0, any depth",
    )
)

"""Deep Taylor decomposition on one unit: z⁺ in hidden layers; w² and z^B give every term by fixed shares.

Montavon et al. (2017), arXiv 1512.02479, eqs. 9-12; docs/theory.md §4 rows 12, eq. (37), (38).
"""

from __future__ import annotations

import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.lrp_alpha_beta import GROUPS, UP, P, kappa_plus, within
from taylorattr.allocation.lrp_epsilon import CONTRIBUTIONS, u
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import i, indexed, j, total

_w, _x, _low, _high = (indexed(name) for name in ("w", "x", "low", "high"))
_c = sp.Symbol("c", real=True)

DEPTH = "layer by layer only, as αβ; each step is integrated gradients from the unit's own root, eq. (37)"

DEEP_TAYLOR = RULES.add(
    AllocationRule(
        name="deep_taylor",
        symbolic=UP * within(kappa_plus, P),
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain("one unit of an analytic σ, reference 0; the bias is ignored", series=True),
        source="eq. (33), (38); Montavon et al. (2017), eq. 11",
        proof="deep_taylor",
        where={symbol: GROUPS[symbol] for symbol in (P, kappa_plus)},
        needs={"u": CONTRIBUTIONS},
        scope="unit",
        constant=UP * u[i] / P,
        depth=DEPTH,
    )
)

_with_bias = P + sp.Max(_c, 0)

WITH_BIAS = RULES.add(
    AllocationRule(
        name="deep_taylor/bias",
        symbolic=UP * P / _with_bias * within(kappa_plus, P),
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain("one unit of an analytic σ, reference 0, c⁺ in the denominator", series=True),
        source="eq. (36)",
        proof="deep_taylor",
        where={symbol: GROUPS[symbol] for symbol in (P, kappa_plus)},
        needs={"u": CONTRIBUTIONS, "c": Need("bias of the unit: c⁺ stands with P", ())},
        scope="unit",
        constant=UP * u[i] / _with_bias,
        depth=DEPTH,
    )
)

_WEIGHTS = Need("weight w_j of input j of the first layer")
_squares = _w[i] ** 2 / total(_w[j] ** 2)

W2 = RULES.add(
    AllocationRule(
        name="deep_taylor/w2",
        symbolic=_squares,
        kind="X",
        frame="baseline",
        granularity="support",
        domain=Domain("one unit of any σ in the first layer"),
        source="eq. (37); Montavon et al. (2017), eq. 10",
        proof="deep_taylor",
        needs={"w": _WEIGHTS},
        scope="unit",
        constant=_squares,
        depth=DEPTH,
    )
)


def _above_root(k: sp.Symbol) -> sp.Expr:
    """q_k = x_k w_k − l_k w_k⁺ − h_k w_k⁻ ≥ 0."""
    return _x[k] * _w[k] - _low[k] * sp.Max(_w[k], 0) - _high[k] * sp.Min(_w[k], 0)


_boxed = _above_root(i) / total(_above_root(j))

Z_B = RULES.add(
    AllocationRule(
        name="deep_taylor/z_B",
        symbolic=_boxed,
        kind="X",
        frame="baseline",
        granularity="support",
        domain=Domain("one unit of any σ in the first layer, inputs in the box [l, h]"),
        source="eq. (37); Montavon et al. (2017), eq. 12",
        proof="deep_taylor",
        needs={
            "w": _WEIGHTS,
            "x": Need("input j of the first layer"),
            "low": Need("lower bound l_j of that input"),
            "high": Need("upper bound h_j of that input"),
        },
        scope="unit",
        constant=_boxed,
        depth=DEPTH,
    )
)

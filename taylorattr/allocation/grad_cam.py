"""Grad-CAM: of the cells of a layer's feature maps, a position receives its cells' exponents.

L_p = Σ_k α_k A_{k,p}, α_k = (1/Z) Σ_q ∂y/∂A_{k,q}: Selvaraju et al. (2017); docs/theory.md eq. (23), (24).
The players are the cells, the baseline is A = 0, the receivers are positions. c_{k,p} is the player that is
channel k at position p.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.receivers import POSITIONS
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, indexed, k, kappa, m, p, q, total

_A, _c, _L = indexed("A"), indexed("c"), indexed("L")
_channels, _positions = sp.symbols("K Z", integer=True, positive=True)

CELLS = {"c": Need("number, from 0, of the player that is channel k at position p", ("K", "Z"))}
ACTIVATIONS = {"A": Need("activations A_{k,p} of the cells", ("K", "Z"))}


def cells(channels: int, positions: int) -> np.ndarray:
    """Return c where the players are the cells of a tensor (channels, positions…): shape (K, Z)."""
    return np.arange(channels * positions).reshape(channels, positions)


def _no_ratio(context: Mapping[str, np.ndarray]) -> str | None:
    """A cell at 0 has no effects, but its gradient still goes to the other positions."""
    if np.asarray(context["A"] != 0, dtype=bool).all():
        return None
    channel, position = np.argwhere(np.asarray(context["A"] == 0, dtype=bool))[0] + 1
    return (
        f"A_{{{channel},{position}}} = 0, where no finite ratio exists; use grad_cam/coefficients, or "
        "grad_cam/input, which needs no series"
    )


GRAD_CAM = RULES.add(
    AllocationRule(
        name="grad_cam",
        symbolic=total(kappa[_c[k, p]], k, _channels),
        kind="U",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "heads of pooled features, convergent in the cells at A = 0, no final ReLU", series=True
        ),
        source="eq. (23); Selvaraju et al. (2017), arXiv 1610.02391",
        proof="grad_cam",
        needs=CELLS,
        scope="cells",
        receivers=POSITIONS,
    )
)

GENERAL = RULES.add(
    AllocationRule(
        name="grad_cam/general",
        symbolic=total(
            total(kappa[_c[k, q]] * _A[k, p] / _A[k, q], q, _positions),
            k,
            _channels,
        )
        / _positions,
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "heads whose series converges in the cells at A = 0, all cells ≠ 0, no final ReLU",
            series=True,
            excludes=_no_ratio,
        ),
        source="eq. (24)",
        proof="grad_cam",
        needs=CELLS | ACTIVATIONS,
        scope="cells",
        receivers=POSITIONS,
    )
)

z: Expr = sp.Symbol("z", integer=True, nonnegative=True)
"""Exponents of the cells at 0, summed."""

_l, _r = sp.symbols("l r", integer=True)
_still = Indicator(sp.Eq(_A[k, q], 0))
_moved = kappa[_c[k, q]] * _A[k, p] / (_A[k, q] + _still)

COEFFICIENTS = RULES.add(
    AllocationRule(
        name="grad_cam/coefficients",
        symbolic=total(total(_moved * Indicator(sp.Eq(z, _still)), q, _positions), k, _channels) / _positions,
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "heads whose series converges in the cells at A = 0, no final ReLU; the effects are those at the "
            "cells with 1 in place of 0, where they are coefficients",
            series=True,
        ),
        source="eq. (24), (17)",
        proof="grad_cam",
        where={
            z: total(
                total(kappa[_c[_l, _r]] * Indicator(sp.Eq(_A[_l, _r], 0)), _r, _positions), _l, _channels
            )
        },
        needs=CELLS | ACTIVATIONS,
        scope="cells",
        receivers=POSITIONS,
    )
)

INPUT = RULES.add(
    AllocationRule(
        name="grad_cam/input",
        symbolic=Indicator(sp.Eq(m, 1)) * total(total(_moved, q, _positions), k, _channels) / _positions,
        kind="X",
        frame="input",
        granularity="term",
        domain=Domain(
            "heads differentiable at A, no final ReLU; the effects are those of the cells from A to 0, and "
            "from 0 to −1 where a cell is 0"
        ),
        source="eq. (24), (13)",
        proof="grad_cam",
        needs=CELLS | ACTIVATIONS,
        scope="cells",
        receivers=POSITIONS,
    )
)

RELU = RULES.add(
    AllocationRule(
        name="grad_cam/relu",
        symbolic=Indicator(_L[p] > 0) * total(kappa[_c[k, p]], k, _channels),
        kind="none",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "heads as for grad_cam; a gate that reads the scores, not linear in the function", series=True
        ),
        source="eq. (24)",
        proof="grad_cam",
        needs=CELLS | {"L": Need("scores L_p before the ReLU, those of grad_cam", ("Z",))},
        scope="cells",
        receivers=POSITIONS,
    )
)

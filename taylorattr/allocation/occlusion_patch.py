"""Occlusion of patches: an effect counts for every player whose window meets it, eq. (25).

a_i = Σ_{W∋i} c_{W,i} (v(N) − v(N∖W)) = Σ_S Σ_{W∋i} c_{W,i} 1[S∩W ≠ ∅] J(S): Zeiler & Fergus (2014);
docs/theory.md eq. (25). Windows are rows of 0 and 1; patches that do not overlap are numbers per player.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, indexed, j, kappa, q, total
from taylorattr.errors import ShapeError

_patch, _W, _c = indexed("patch"), indexed("W"), indexed("c")
_windows = sp.Symbol("Q", integer=True, positive=True)

PATCH = {"patch": Need("number of the patch that player j is in")}
WINDOWS = {"W": Need("1 where window q holds player j, else 0", ("Q", "n"))}

_together: Expr = Indicator(sp.Eq(_patch[i], _patch[j]))
_meets_patch: Expr = Indicator(total(_together * Indicator(kappa[j] > 0)) > 0)
_meets_window: Expr = Indicator(total(_W[q, j] * Indicator(kappa[j] > 0)) > 0)


def windows_of(mask: object) -> np.ndarray:
    """Return the windows of a mask that numbers them, shape (number of windows, n), 0 and 1.

    Args:
        mask: A whole number per player, any shape; players with the same number share a window.

    Raises:
        ShapeError: The mask holds other than whole numbers.
    """
    numbers = np.asarray(mask).reshape(-1)
    if numbers.dtype.kind not in "iu":
        raise ShapeError(
            f"a mask of windows holds whole numbers, one per player; this one is {numbers.dtype}"
        )
    return (np.unique(numbers)[:, None] == numbers).astype(np.int64)


def _rule(variant: str, ratio: Expr, needs: dict[str, Need], source: str) -> AllocationRule:
    return RULES.add(
        AllocationRule(
            name=f"occlusion_patch{variant}",
            symbolic=ratio,
            kind="S",
            frame="baseline",
            granularity="support",
            domain=Domain("every function"),
            source=source,
            proof="occlusion_patch",
            needs=needs,
        )
    )


PLAIN = _rule("", _meets_patch, PATCH, "eq. (25), one window per player; Zeiler & Fergus (2014)")

SHARED = _rule("/shared", _meets_patch / total(_together), PATCH, "eq. (25) with c = 1/|W|")

WINDOWS_MEAN = _rule(
    "/windows",
    total(_W[q, i] * _meets_window, q, _windows) / total(_W[q, i], q, _windows),
    WINDOWS,
    "eq. (25) with c = 1/number of windows that contain i",
)

WINDOWS_SHARED = _rule(
    "/windows_shared",
    total(_W[q, i] * _meets_window / total(_W[q, j]), q, _windows),
    WINDOWS,
    "eq. (25) with c = 1/|W|",
)

WINDOWS_WEIGHTED = _rule(
    "/windows_weighted",
    total(_c[q, i] * _meets_window, q, _windows),
    WINDOWS | {"c": Need("c_{W,i}, what player i gets of window q; 0 outside it", ("Q", "n"))},
    "eq. (25)",
)

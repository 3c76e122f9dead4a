"""LIME as unregularised weighted least squares with an intercept: an allocation that leaks.

Ribeiro, Singh & Guestrin (2016), on masks between baseline and input with a kernel that depends on the number
of players present; docs/theory.md eq. (67). μ_r is the chance that r given players are present.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, choose, i, indexed, kappa, n, q, s

_pi = indexed("pi")
_mu1, _mu2, _mu_s, _mu_next = (sp.Symbol(f"mu_{at}", real=True) for at in ("1", "2", "s", "{s+1}"))
_c0, _c1, _g, _h, _tau = sp.symbols("c0 c1 g h tau", real=True)


def _present(r: Expr) -> Expr:
    """Return E_π[z_1 … z_r]: the share of the kernel's weight on masks that hold r given players."""
    mass: Expr = sp.Sum(choose(n, q) * _pi[q], (q, 0, n))
    present: Expr = sp.Sum(choose(n - r, q - r) * _pi[q], (q, 0, n))
    return present / mass


def _no_fit(context: Mapping[str, np.ndarray]) -> str | None:
    """Weights of sizes that leave the fit undetermined."""
    pi = context["pi"]
    if not np.asarray(pi >= 0, dtype=bool).all():
        return "a kernel weight is negative"
    players = len(pi) - 1
    inside = np.asarray(pi[1:players] > 0, dtype=bool).any()
    ends = np.asarray(pi[[0, players]] > 0, dtype=bool).all()
    determined = inside if players > 1 else ends
    several = np.count_nonzero(np.asarray(pi > 0, dtype=bool)) > 1
    if determined and several:
        return None
    return "the kernel has weight on too few sizes for the coefficients and the intercept to be determined"


LIME = RULES.add(
    AllocationRule(
        name="lime",
        symbolic=sp.Piecewise((_g - _tau, kappa[i] > 0), (_h - _tau, True)) / (_c0 - _c1),
        where={
            _mu1: _present(sp.Integer(1)),
            _mu2: _present(sp.Integer(2)),
            _mu_s: _present(s),
            _mu_next: _present(s + 1),
            _c0: _mu1 - _mu1**2,
            _c1: _mu2 - _mu1**2,
            _g: _mu_s - _mu_s * _mu1,
            _h: _mu_next - _mu1 * _mu_s,
            _tau: _c1 * (s * _g + (n - s) * _h) / (_c0 + (n - 1) * _c1),
        },
        kind="S",
        frame="baseline",
        granularity="support",
        domain=Domain(
            "every function, all masks weighted by the kernel, no penalty and no choice of variables",
            excludes=_no_fit,
        ),
        source="eq. (67); Ribeiro, Singh & Guestrin (2016), arXiv 1602.04938",
        proof="lime",
        needs={"pi": Need("kernel weight π_k of one mask with k players present, k = 0 … n", ("n+1",))},
        extra=True,
    )
)


def lime(kernel: Sequence[Any], name: str = "lime/own") -> AllocationRule:
    """Return LIME with a kernel given by the weight of one mask of each size, for n players.

    Args:
        kernel: π_0 … π_n; exact where rational. Equal weights give Banzhaf.
        name: Name of the rule.
    """
    return LIME.fixed(name, pi=kernel)

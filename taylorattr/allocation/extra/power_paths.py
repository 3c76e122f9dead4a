"""Path methods along x_j(t) = b_j + Δ_j t^{p_j}: shares in proportion to κ_i p_i.

Friedman (2004); docs/theory.md eq. (64). Equal exponents are Integrated Gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import i, indexed, j, kappa, total

_p = indexed("p")


def _no_path(context: Mapping[str, np.ndarray]) -> str | None:
    """An exponent of 0 or less does not lead from b to x."""
    wrong = np.flatnonzero(~np.asarray(context["p"] > 0, dtype=bool))
    return f"p_{wrong[0] + 1} = {context['p'][wrong[0]]}, expected a positive number" if len(wrong) else None


POWER_PATH = RULES.add(
    AllocationRule(
        name="power_path",
        symbolic=kappa[i] * _p[i] / total(kappa[j] * _p[j]),
        kind="X",
        frame="baseline",
        granularity="term",
        domain=Domain(
            "functions whose Taylor series converges at x, positive exponents", series=True, excludes=_no_path
        ),
        source="eq. (64), T8; Friedman (2004)",
        proof="paths",
        needs={"p": Need("exponents p_j > 0 of the path b_j + Δ_j t^{p_j}; larger: j moves later")},
        extra=True,
    )
)


def power_path(p: Sequence[Any], name: str = "power_path/own") -> AllocationRule:
    """Return the path method with exponents p_1 … p_n, for n players; satisfies all three criteria.

    Args:
        p: Exponents, positive; exact where rational.
        name: Name of the rule.
    """
    return POWER_PATH.fixed(name, p=p)

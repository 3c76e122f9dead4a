"""Sharing by a power of the degree: κ_i^p/Σκ_j^p."""

from __future__ import annotations

from typing import Any

import sympy as sp

from taylorattr.allocation.rule import AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, j, kappa, total
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.exact_numbers import exact
from taylorattr.design.families.family import family
from taylorattr.design.function_ratio import function_evaluator
from taylorattr.errors import OptionError

KEEPS = {
    "coverage": "follows from complete, eq. (11)",
    "no_leak": "a factor 1[κᵢ > 0]",
    "complete": "the shares are divided by their sum",
}


@family(
    "degree_tilted",
    ratio="κ_i^p/Σ_{j∈S} κ_j^p for i ∈ S",
    keeps=KEEPS,
    parameters="p ≥ 0: 0 is Shapley, 1 Integrated Gradients, larger favours the highest power",
    source="eq. (73)",
)
def degree_tilted(p: Any, name: str = "my_tilt") -> DesignedRule:
    """Make a rule that shares each term in proportion to a power of its exponents.

    Args:
        p: The power, at least 0.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: If p is negative or no number.
    """
    try:
        power = exact(p)
    except (TypeError, ValueError) as error:
        raise OptionError(f"p: {error}; give a number, at least 0") from None
    if power < 0:
        raise OptionError(f"p = {p}; expected a number, at least 0")
    whole = power.denominator == 1
    share = (
        _share(i, int(power)) / total(_share(j, int(power)), j)
        if whole
        else sp.Symbol(f"κᵢ^{power}/Σⱼ κⱼ^{power}")
    )

    def tilted(kappa: tuple[int, ...]) -> list[float]:
        sizes = [float(k) ** float(power) if k else 0.0 for k in kappa]
        return [size / sum(sizes) for size in sizes]

    rule = AllocationRule(
        name=name,
        symbolic=share,
        kind="S" if power == 0 else "U",
        frame="baseline",
        granularity="support" if power == 0 else "term",
        domain=Domain("every function")
        if power == 0
        else Domain("functions whose Taylor series converges at x", True),
        source="eq. (73)",
        proof="",
        extra=True,
        evaluator=None if whole else function_evaluator(tilted, "U", ()),
        by_construction=KEEPS,
    )
    return build(rule, origin="degree_tilted", parameters={"p": power})


def _share(letter: Expr, power: int) -> Expr:
    return Indicator(kappa[letter] > 0) if power == 0 else kappa[letter] ** power

"""Each effect divided among its members: free shares of every coalition, or powers of the exponents."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.extra.taylor_poda import TAYLOR_PODA, taylor_poda
from taylorattr.allocation.rule import AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, j, kappa, total
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.exact_numbers import exact, exact_row
from taylorattr.design.families.family import family
from taylorattr.design.function_ratio import function_evaluator
from taylorattr.errors import OptionError

MOST_SIMPLE_PLAYERS = 10
"""Up to this many players shares are read as the simplest fractions within rounding."""

SHARING_KEEPS = {
    "coverage": "follows from complete, eq. (11)",
    "no_leak": "a factor 1[κᵢ > 0]",
    "complete": "the coefficients of each coalition's members add up to 1, eq. (68)",
}


@family(
    "sharing",
    ratio="ξ_{i,S} for i ∈ S, Σ_{i∈S} ξ_{i,S} = 1",
    keeps=SHARING_KEEPS,
    parameters="a share ξ of each member of each coalition",
    source="eq. (68); TaylorPODA, arXiv 2507.10643",
)
def sharing(xi: Any, name: str = "my_sharing") -> DesignedRule:
    """Make a rule of free shares: coalition by coalition, adding up to 1.

    Args:
        xi: ξ, shape (2ⁿ, n), rows in bitmask order; that of ∅ and entries of outsiders are not read.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: If the shape is no table of coalitions, or the members' shares of one do not add up to 1.
    """
    table = np.asarray(xi)
    if table.ndim != 2 or table.shape[0] != 1 << table.shape[1]:
        raise OptionError(
            f"xi has shape {table.shape}; expected (2**n, n), one row per coalition in bitmask order"
        )
    reason = TAYLOR_PODA.domain.excludes({"xi": table})
    if reason is not None:
        raise OptionError(f"{name}: {reason}; the shares of each coalition's members add up to 1")
    table = _whole(table)
    rule = replace(
        taylor_poda(table, name),
        tried={"xi": lambda n: [table]},
        by_construction=SHARING_KEEPS,
        players=table.shape[1],
    )
    return build(rule, origin="sharing", parameters={"xi": table})


def _whole(table: np.ndarray) -> np.ndarray:
    """Return the shares as fractions; those of a coalition's members add up to 1 without rounding."""
    n = table.shape[1]
    read = exact_row if n <= MOST_SIMPLE_PLAYERS else _nearly
    shares = np.full(table.shape, Fraction(0), dtype=object)
    for mask in range(1, len(table)):
        members = [i for i in range(n) if mask >> i & 1]
        shares[mask, members] = read(table[mask, members].tolist())
    return shares


def _nearly(row: list[Any]) -> list[Fraction]:
    """Return numbers as the fractions they hold, the largest corrected by what rounding has left."""
    values = [Fraction(value) for value in row]
    largest = max(range(len(values)), key=lambda place: values[place])
    values[largest] += 1 - sum(values)
    return values


TILTED_KEEPS = {
    "coverage": "follows from complete, eq. (11)",
    "no_leak": "a factor 1[κᵢ > 0]",
    "complete": "the shares are divided by their sum",
}


@family(
    "degree_tilted",
    ratio="κ_i^p/Σ_{j∈S} κ_j^p for i ∈ S",
    keeps=TILTED_KEEPS,
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
        _power_of_exponent(i, int(power)) / total(_power_of_exponent(j, int(power)), j)
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
        by_construction=TILTED_KEEPS,
    )
    return build(rule, origin="degree_tilted", parameters={"p": power})


def _power_of_exponent(letter: Expr, power: int) -> Expr:
    """Return κ^p of a player; κ^0 is 1 for members alone."""
    return Indicator(kappa[letter] > 0) if power == 0 else kappa[letter] ** power

"""Free shares of every coalition among its members (TaylorPODA), eq. (68)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from taylorattr.allocation.extra.taylor_poda import TAYLOR_PODA, taylor_poda
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.exact_numbers import exact_row
from taylorattr.design.families.family import family
from taylorattr.errors import OptionError

SIMPLE = 10
"""Up to this many players shares are read as the simplest fractions within rounding."""

KEEPS = {
    "coverage": "follows from complete, eq. (11)",
    "no_leak": "a factor 1[κᵢ > 0]",
    "complete": "the coefficients of each coalition's members add up to 1, eq. (68)",
}


@family(
    "sharing",
    ratio="ξ_{i,S} for i ∈ S, Σ_{i∈S} ξ_{i,S} = 1",
    keeps=KEEPS,
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
        by_construction=KEEPS,
        players=table.shape[1],
    )
    return build(rule, origin="sharing", parameters={"xi": table})


def _whole(table: np.ndarray) -> np.ndarray:
    """Return the shares as fractions; those of a coalition's members add up to 1 without rounding."""
    n = table.shape[1]
    read = exact_row if n <= SIMPLE else _nearly
    found = np.full(table.shape, Fraction(0), dtype=object)
    for mask in range(1, len(table)):
        members = [i for i in range(n) if mask >> i & 1]
        found[mask, members] = read(table[mask, members].tolist())
    return found


def _nearly(row: list[Any]) -> list[Fraction]:
    """Return numbers as the fractions they hold, the largest corrected by what rounding has left."""
    values = [Fraction(value) for value in row]
    largest = max(range(len(values)), key=lambda place: values[place])
    values[largest] += 1 - sum(values)
    return values

"""Free shares of every coalition among its members (TaylorPODA), eq. (68)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from taylorattr.allocation.extra.taylor_poda import TAYLOR_PODA, taylor_poda
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.families.family import family
from taylorattr.errors import OptionError

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
    rule = replace(
        taylor_poda(table, name),
        tried={"xi": lambda n: [table]},
        by_construction=KEEPS,
        players=table.shape[1],
    )
    return build(rule, origin="sharing", parameters={"xi": table})

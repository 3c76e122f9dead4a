"""Paths on which players move at different speeds, eq. (64)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from taylorattr.allocation.extra.power_paths import POWER_PATH
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.families.family import family
from taylorattr.design.families.straight import measure
from taylorattr.design.ways.power import Power
from taylorattr.errors import OptionError

KEEPS = {
    "coverage": "follows from complete, eq. (11)",
    "no_leak": "a player without effects has derivative 0 along the path, eq. (64)",
    "complete": "the shares along a monotone path are ∫ d(s^κ) = 1, eq. (64)",
}


@family(
    "power_path",
    ratio="κ_i p_i/Σ_j κ_j p_j",
    keeps=KEEPS,
    parameters="an exponent p_i > 0 of a player, which moves as b_i + Δ_i t^{p_i}; larger: later, for more",
    source="eq. (64); Friedman (2004)",
)
def power_path(exponents: Sequence[Any] | Mapping[str, Any], name: str = "my_path") -> DesignedRule:
    """Make the path rule along b + Δ∘t^p; it satisfies all three criteria for every p > 0.

    Args:
        exponents: p_1 … p_n, or {player's name: p}; only their ratios matter.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: If an exponent is not a positive number.
    """
    known = PlayerAttributes.of({"p": exponents})
    wrong = [(k, value) for k, value in enumerate(known.values["p"]) if value <= 0]
    if wrong:
        who = known.names[wrong[0][0]] if known.names else f"player {wrong[0][0]}"
        raise OptionError(f"the exponent of {who} is {wrong[0][1]}; a path to x needs positive exponents")
    rule = replace(
        POWER_PATH, name=name, needs={"p": replace(POWER_PATH.needs["p"], default=list(known.values["p"]))},
        tried=known.tried, by_construction=KEEPS,
    )  # fmt: skip
    return build(
        rule,
        ways=(Power(lambda context, n: context["p"], name),),
        attributes=known,
        origin="power_path",
        parameters={"exponents": known.given("p")},
    )


def path(given: Any, name: str = "my_path") -> DesignedRule:
    """Make a path rule: from exponents of the players (64), or from a measure on the straight path (70).

    Args:
        given: A list of numbers or a mapping: exponents, see `power_path`. Anything else: see `measure`.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.
    """
    if isinstance(given, Mapping) or (isinstance(given, list) and given):
        return power_path(given, name)
    return measure(given, name)

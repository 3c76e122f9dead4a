"""The ways in which a rule can be computed, read off its ratio."""

from __future__ import annotations

from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.design.power_form import power_exponents
from taylorattr.design.recognise import Recognised
from taylorattr.design.straight_form import straight_measure
from taylorattr.design.ways.by_method import ByMethod
from taylorattr.design.ways.coalitions import CoalitionTable
from taylorattr.design.ways.orders import Draw, SampledOrders
from taylorattr.design.ways.power import Power
from taylorattr.design.ways.straight import Straight
from taylorattr.design.ways.terms import TaylorTable
from taylorattr.design.ways.way import Way
from taylorattr.methods import METHODS

EXACT_PLAYERS = 16
"""Up to this many players all coalitions are evaluated where sampling would do as well."""


def ways_of(
    rule: AllocationRule,
    recognised: Recognised | None = None,
    *,
    draw: Draw | None = None,
    largest: int | None = None,
    last: int | None = None,
) -> tuple[Way, ...]:
    """Return the ways of a rule.

    Args:
        rule: The rule.
        recognised: The built-in rule it equals.
        draw: Orders in which the last member of a coalition gets its effect, where the rule has such a form.
        largest: Size beyond which no coalition gets anything.
        last: Order beyond which no term gets anything.
    """
    ways: list[Way] = []
    if recognised is not None and RULES[recognised.name].method in METHODS:
        ways.append(ByMethod(RULES[recognised.name].method, recognised.how))
    if rule.granularity == "support":
        exact = CoalitionTable(rule, largest=largest, players=None if largest is not None else EXACT_PLAYERS)
        ways += [exact, SampledOrders(rule, draw)]
        if exact.players is not None:
            ways.append(CoalitionTable(rule))
        return tuple(ways)
    measure = None if last is not None else straight_measure(rule)
    if measure is not None:
        ways.append(Straight(measure, rule.name, from_input=rule.frames[0] == "input"))
    exponents = None if last is not None else power_exponents(rule)
    if exponents is not None:
        ways.append(Power(exponents, rule.name, from_input=rule.frames[0] == "input"))
    return (*ways, TaylorTable(rule, last=last))

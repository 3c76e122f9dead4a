"""``ta.design.attributor``: run a rule that is already there."""

from __future__ import annotations

from typing import Any

from taylorattr.allocation.context import REQUIRED
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.paper.check import check
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.compile import ways_of
from taylorattr.design.designed import DesignedRule
from taylorattr.design.recognise import Recognised, recognise
from taylorattr.errors import OptionError
from taylorattr.registry import DESIGNS


def attributor(rule: str | AllocationRule | DesignedRule, **quantities: Any) -> DesignedRule:
    """Return a rule of ``ta.RULES``, or one made by its families, as something that runs on networks.

    Args:
        rule: The rule, or its name.
        **quantities: What it reads besides κ, where it has no default.

    Returns:
        The rule with its ways; nothing is filed.

    Raises:
        OptionError: A rule that shares out no effects of players: units, cells, pairs, no allocation; or a
            missing quantity.
    """
    if isinstance(rule, DesignedRule):
        return rule
    if isinstance(rule, str) and rule in DESIGNS and not quantities:
        return DESIGNS[rule]
    found = RULES[rule] if isinstance(rule, str) else rule
    if quantities:
        found = found.fixed(found.name, **quantities)
    if (
        found.scope != "players"
        or found.receivers is not PLAYERS
        or found.kind == "none"
        or found.per_reference
    ):
        what = {"unit": "the inputs of one unit", "cells": "the cells of feature maps"}.get(found.scope, "")
        what = what or (
            "pairs or coalitions" if found.receivers is not PLAYERS else "no effects of one baseline"
        )
        raise OptionError(
            f"{found.name} is about {what}, not about the players of a model; its method is "
            f"ta.attribute({found.method!r}, …)"
        )
    for name, need in found.needs.items():
        if need.default is REQUIRED:
            raise OptionError(
                f"{found.name} reads {name!r}: {need.meaning}; pass it, attributor(rule, {name}=…)"
            )
    given = {"rule": found.name, **quantities}
    known = recognise(found) or _itself(found)
    return DesignedRule(
        found, check(found), ways_of(found, known), known, PlayerAttributes(), given, "attributor"
    )


def _itself(rule: AllocationRule) -> Recognised | None:
    return Recognised(rule.name, "by name", True) if RULES.get(rule.name) is rule and not rule.needs else None

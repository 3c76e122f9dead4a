"""From an allocation rule to a designed one: checked, compiled into ways of computing, filed by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taylorattr.allocation.context import REQUIRED
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.paper.check import check
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.designed import DesignedRule
from taylorattr.design.recognise import Recognised, power_exponents, recognise, straight_measure
from taylorattr.design.ways.coalition_table import EveryCoalition
from taylorattr.design.ways.interface import Way
from taylorattr.design.ways.other_rules import ByMethod
from taylorattr.design.ways.paths import Power, Straight
from taylorattr.design.ways.sampled_orders import Draw, SampledOrders
from taylorattr.design.ways.taylor_table import TaylorTable
from taylorattr.errors import OptionError, require_instance
from taylorattr.methods import EXTENSIONS, METHODS, SYSTEMS
from taylorattr.methods.occlusion.shapley import EXACT_PLAYERS
from taylorattr.registry import DESIGNS

CHEAPEST_FIRST = ("method", "path", "coalitions", "samples", "parts", "measured", "terms")
"""Ways by name, the cheapest exact or controlled one first; of one name the one that a construction
offers."""


def build(
    rule: AllocationRule,
    *,
    ways: Sequence[Way] = (),
    attributes: PlayerAttributes | None = None,
    draw: Draw | None = None,
    largest: int | None = None,
    last: int | None = None,
    parameters: dict[str, Any] | None = None,
    origin: str = "",
    complete: bool | None = None,
) -> DesignedRule:
    """Check a rule, find the ways in which it is computed, and file it under its name.

    Args:
        rule: The rule.
        ways: Ways that its construction offers, before those read off its ratio.
        attributes: What it knows of the players.
        draw: As in `ways_of`.
        largest: As in `ways_of`.
        last: As in `ways_of`.
        parameters: Arguments of the function that made it.
        origin: Name of that function in `ta.design`.
        complete: Whether completeness was promised, or denied.

    Returns:
        The designed rule.

    Raises:
        OptionError: A name that is taken by a built-in rule or method, or a promise that does not hold.
    """
    require_free(rule.name)
    report = check(rule)
    if complete is not None and (report.complete.status != "fails") != complete:
        raise OptionError(
            f"{rule.name} was promised {'' if complete else 'not '}to be complete, and it is "
            + (f"not: {report.complete.witness}" if complete else f": {report.complete.statement}")
            + "; repair(rule) makes it so" * complete
        )
    recognised = recognise(rule)
    # what the construction offers comes first: a mixture of methods is not to be read off its table
    by_ratio = ways_of(rule, recognised, draw=draw, largest=largest, last=last)
    designed = DesignedRule(
        rule=rule,
        report=report,
        ways=_in_order([*ways, *by_ratio]),
        recognised=recognised,
        attributes=attributes or PlayerAttributes(),
        parameters=parameters or {},
        origin=origin,
    )
    return file(designed)


def _in_order(ways: Sequence[Way]) -> tuple[Way, ...]:
    """Return ways in the order of preference, those that do the same once."""
    # reversed twice: of two that do the same the first stays, and the order is kept
    different = {(way.name, way.words, getattr(way, "players", None)): way for way in reversed(ways)}
    return tuple(sorted(reversed(different.values()), key=_place))


def _place(way: Way) -> tuple[int, bool]:
    """Return where a way stands; tables of any size come after sampling, which needs fewer outputs."""
    bounds = (getattr(way, "players", None), getattr(way, "largest", None))
    any_size = way.name == "coalitions" and bounds == (None, None)
    return CHEAPEST_FIRST.index("samples" if any_size else way.name), any_size


def file(designed: DesignedRule) -> DesignedRule:
    """File a rule under its name and return it; one of that name that was designed before goes."""
    require_free(designed.name)
    return DESIGNS.register(designed.name, replace=True)(designed)


def unregister(rule: str | DesignedRule) -> None:
    """Forget a designed rule, so that its name is free again and no lookup by name finds it.

    The rule itself goes on working where it is still held in a variable.

    Args:
        rule: The rule, or its name.

    Raises:
        OptionError: If no designed rule has that name, it is a built-in one, or another rule has taken the
            name since.

    Example:
        >>> import taylorattr as ta
        >>> halves = ta.design.rule("equal_parts", "Indicator(kappa[i] > 0)/s")
        >>> ta.design.unregister("equal_parts")
        >>> "equal_parts" in ta.RULES
        False
    """
    require_instance("the rule", rule, (str, DesignedRule), "a designed rule or its name")
    name = rule if isinstance(rule, str) else rule.name
    if name in built_in():
        raise OptionError(f"{name!r} is a built-in rule, which stays")
    if isinstance(rule, DesignedRule) and DESIGNS.get(name, rule) is not rule:
        raise OptionError(f"another rule is called {name!r} by now; pass the name to forget that one")
    DESIGNS.unregister(name)


def built_in() -> tuple[str, ...]:
    """Return the names that a user's rule may not take."""
    return (*RULES.own, *METHODS, *SYSTEMS, *EXTENSIONS)


def require_free(name: str) -> None:
    """Raise OptionError if a rule may not have this name."""
    if not isinstance(name, str) or not name.strip():
        raise OptionError(f"a rule's name is {name!r}; expected a word")
    if name in built_in():
        raise OptionError(f"{name!r} is a built-in rule, which keeps its name; choose another")
    if ":" in name:
        raise OptionError(
            f"a rule's name may not contain ':', which names modules on the command line; given {name!r}"
        )


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
        ways.append(ByMethod(RULES[recognised.name].method, recognised.how, recognised.proved))
    if rule.granularity == "support":
        exact = EveryCoalition(rule, largest=largest, players=None if largest is not None else EXACT_PLAYERS)
        ways += [exact, SampledOrders(rule, draw)]
        if exact.players is not None:
            ways.append(EveryCoalition(rule))
        return tuple(ways)
    straight = None if last is not None else straight_measure(rule)
    if straight is not None:
        from_input = rule.frames[0] == "input"
        ways.append(Straight(straight.measure, rule.name, from_input=from_input, proved=straight.proved))
    exponents = None if last is not None else power_exponents(rule)
    if exponents is not None:
        ways.append(Power(exponents, rule.name, from_input=rule.frames[0] == "input"))
    return (*ways, TaylorTable(rule, last=last))


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
    allocation = RULES[rule] if isinstance(rule, str) else rule
    require_instance("the rule", allocation, AllocationRule, "a name in ta.RULES or a rule made by ta.design")
    if quantities:
        allocation = allocation.fixed(allocation.name, **quantities)
    to_players = allocation.receivers is PLAYERS
    if (
        allocation.scope != "players"
        or not to_players
        or allocation.kind == "none"
        or allocation.per_reference
    ):
        scopes = {"unit": "the inputs of one unit", "cells": "the cells of feature maps"}
        what = scopes.get(allocation.scope, "")
        what = what or ("no effects of one baseline" if to_players else "pairs or coalitions")
        raise OptionError(
            f"{allocation.name} is about {what}, not about the players of a model; its method is "
            f"ta.attribute({allocation.method!r}, …)"
        )
    for name, need in allocation.needs.items():
        if need.default is REQUIRED:
            raise OptionError(
                f"{allocation.name} reads {name!r}: {need.meaning}; pass it, attributor(rule, {name}=…)"
            )
    recognised = recognise(allocation) or _itself(allocation)
    return DesignedRule(
        rule=allocation,
        report=check(allocation),
        ways=ways_of(allocation, recognised),
        recognised=recognised,
        parameters={"rule": allocation.name, **quantities},
        origin="attributor",
    )


def _itself(rule: AllocationRule) -> Recognised | None:
    """Return that a built-in rule is the one of its name, where it was not recognised by its ratio."""
    return Recognised(rule.name, "by name", True) if RULES.get(rule.name) is rule and not rule.needs else None

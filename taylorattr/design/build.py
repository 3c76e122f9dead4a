"""From an allocation rule to a designed one: checked, compiled, filed under its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.paper.check import check
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.compile import ways_of
from taylorattr.design.designed import DesignedRule
from taylorattr.design.recognise import recognise
from taylorattr.design.ways.orders import Draw
from taylorattr.design.ways.way import Way
from taylorattr.errors import OptionError
from taylorattr.methods import METHODS
from taylorattr.registry import DESIGNS

PREFERRED = ("method", "path", "coalitions", "samples", "parts", "measured", "terms")
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
    found = ways_of(rule, recognised, draw=draw, largest=largest, last=last)
    designed = DesignedRule(
        rule=rule,
        report=report,
        ways=_in_order([*ways, *found]),
        recognised=recognised,
        attributes=attributes or PlayerAttributes(),
        parameters=parameters or {},
        origin=origin,
    )
    return file(designed)


def _in_order(ways: Sequence[Way]) -> tuple[Way, ...]:
    """Return ways in the order of preference, those that do the same once."""
    different = {(way.name, way.words, getattr(way, "players", None)): way for way in reversed(ways)}
    return tuple(sorted(reversed(different.values()), key=_place))


def _place(way: Way) -> tuple[int, bool]:
    """Return where a way stands; tables of any size come after sampling, which needs fewer outputs."""
    bounds = (getattr(way, "players", None), getattr(way, "largest", None))
    any_size = way.name == "coalitions" and bounds == (None, None)
    return PREFERRED.index("samples" if any_size else way.name), any_size


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
    name = rule if isinstance(rule, str) else rule.name
    if name in built_in():
        raise OptionError(f"{name!r} is a built-in rule, which stays")
    if isinstance(rule, DesignedRule) and DESIGNS.get(name, rule) is not rule:
        raise OptionError(f"another rule is called {name!r} by now; pass the name to forget that one")
    DESIGNS.unregister(name)


def built_in() -> tuple[str, ...]:
    """Return the names that a user's rule may not take."""
    return (*RULES.own, *METHODS)


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

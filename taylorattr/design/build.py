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
from taylorattr.methods.method import OWN
from taylorattr.registry import Registry

DESIGNS: Registry[DesignedRule] = Registry("designed rule")
"""The rules that were designed in this process, by name."""

PREFERRED = ("method", "path", "coalitions", "samples", "parts", "measured", "terms")
"""Ways by name, the cheapest exact or controlled one first; of one name the one that a construction
offers."""

BUILT_IN = frozenset(RULES)
"""Names that a user's rule may not take."""


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
    RULES.add(designed.rule, replace=True)
    OWN.register(designed.name, replace=True)(designed.attribution_method)
    return DESIGNS.register(designed.name, replace=True)(designed)


def require_free(name: str) -> None:
    """Raise OptionError if a rule may not have this name."""
    if not isinstance(name, str) or not name.strip():
        raise OptionError(f"a rule's name is {name!r}; expected a word")
    if name in BUILT_IN or name in METHODS:
        raise OptionError(f"{name!r} is a built-in rule, which keeps its name; choose another")
    if ":" in name:
        raise OptionError(
            f"a rule's name may not contain ':', which names modules on the command line; given {name!r}"
        )

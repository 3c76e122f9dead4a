"""What is taken for an allocation rule: its name, itself, or what carries one, such as a designed rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from taylorattr.allocation.context import Context
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.errors import OptionError


@runtime_checkable
class CarriesRule(Protocol):
    """A rule together with what it knows of the players by name."""

    @property
    def rule(self) -> AllocationRule:
        """The rule."""
        ...

    def context(self, players: Sequence[str]) -> dict[str, Any]:
        """Return what the rule reads besides κ, in the order of some players."""
        ...


AnyRule: TypeAlias = "str | AllocationRule | CarriesRule"


def rule_of(rule: AnyRule) -> AllocationRule:
    """Return the rule.

    Raises:
        OptionError: If there is none of that name, or the object carries none.
    """
    if isinstance(rule, AllocationRule):
        return rule
    if isinstance(rule, str):
        return RULES[rule]
    if isinstance(rule, CarriesRule):
        return rule.rule
    raise OptionError(
        f"{type(rule).__name__} is no allocation rule; expected a name in ta.RULES, a rule, or a designed "
        "rule"
    )


def context_of(rule: AnyRule, players: Sequence[str], context: Context | None) -> Context | None:
    """Return a context, or where none is given what a designed rule knows of these players."""
    if context is None and isinstance(rule, CarriesRule):
        return rule.context(players) or None
    return context

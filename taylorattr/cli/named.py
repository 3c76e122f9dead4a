"""Methods and rules that the command line names: built in, or ``package.module:name`` of the user's own."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from taylorattr.cli.model import callable_without_arguments
from taylorattr.errors import OptionError, TaylorAttrError
from taylorattr.methods import METHODS, AttributionMethod
from taylorattr.methods.method import find

if TYPE_CHECKING:  # rules need sympy, which takes longer to import than most commands take to answer
    from taylorattr.allocation import AllocationRule
    from taylorattr.design import DesignedRule


def imported(spec: str, option: str = "") -> Any:
    """Return what ``package.module:name`` names; the current directory is importable.

    Args:
        spec: The name.
        option: Whose value it is, for messages.

    Raises:
        OptionError: If there is no such module or name, or the module raises while it is imported.
    """
    module, _, name = spec.partition(":")
    said = f"{option} {spec}".strip()
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, TaylorAttrError) as error:  # a rule that is refused says why itself
        raise OptionError(f"{said}: {error}") from error
    except Exception as error:  # whatever the user's module raises while it is imported
        raise OptionError(f"{said}: importing it raised {type(error).__name__}: {error}") from error
    return found


def named_method(spec: str, settings: Sequence[str] = ()) -> tuple[AttributionMethod, list[str]]:
    """Return what METHOD names, and the settings that are left for its options.

    Args:
        spec: A name in ``ta.METHODS``; one in ``ta.RULES`` that runs on networks, whose quantities are taken
            from the settings; or ``package.module:name`` of a rule or of a factory that returns one.
        settings: ``name=value`` each.

    Raises:
        OptionError: If it is none of these.
    """
    if ":" in spec:
        return find(designed(imported(spec, "METHOD"), f"METHOD {spec}")), list(settings)
    if spec in METHODS:
        return METHODS[spec], list(settings)
    from taylorattr.allocation import RULES
    from taylorattr.allocation.context import REQUIRED
    from taylorattr.design import attributor

    if spec not in RULES:
        return METHODS[spec], list(settings)  # which says what there is
    quantities, left = _quantities(RULES[spec], settings)
    missing = [name for name, need in RULES[spec].needs.items() if need.default is REQUIRED]
    missing = [name for name in missing if name not in quantities]
    if missing and RULES[spec].scope == "players":
        need = RULES[spec].needs[missing[0]]
        raise OptionError(f"{spec} reads {missing[0]!r}: {need.meaning}; pass --set {missing[0]}=…")
    return attributor(spec, **quantities).attribution_method, left


def named_rule(spec: str) -> AllocationRule:
    """Return the rule that a name in ``ta.RULES`` or ``package.module:name`` stands for.

    Raises:
        OptionError: If there is none.
    """
    from taylorattr.allocation import RULES, AllocationRule

    if ":" not in spec:
        return RULES[spec]
    found = made(imported(spec))
    return found if isinstance(found, AllocationRule) else designed(found, spec).rule


def designed(found: Any, said: str) -> DesignedRule:
    """Return a designed rule from one, from an allocation rule, or from a factory of either.

    Args:
        found: What the user's module holds.
        said: What the user called it, for messages.

    Raises:
        OptionError: If it is none of these.
        TaylorAttrError: What the factory raises of this package, such as a ratio that is refused.
    """
    from taylorattr.allocation import AllocationRule
    from taylorattr.design import DesignedRule, attributor

    try:
        rule = made(found)
    except TaylorAttrError:
        raise
    except Exception as error:  # whatever the user's factory raises
        raise OptionError(f"{said}: the factory raised {type(error).__name__}: {error}") from error
    if isinstance(rule, DesignedRule | AllocationRule):
        return attributor(rule)
    what = (
        "a function with arguments" if callable(rule) and hasattr(rule, "__name__") else type(rule).__name__
    )
    raise OptionError(
        f"{said} is {what}; expected a rule, as ta.design.rule('name', ratio) makes one, or a function "
        "without arguments that returns one"
    )


def is_rule(found: Any) -> bool:
    """Return whether an object is a designed rule or an allocation rule."""
    from taylorattr.allocation import AllocationRule

    return isinstance(found, AllocationRule) or hasattr(found, "attribution_method")


def made(found: Any) -> Any:
    """Return what a factory returns: a function that takes no arguments; anything else as it is."""
    factory = callable(found) and not is_rule(found) and callable_without_arguments(found)
    return found() if factory else found


def _quantities(rule: AllocationRule, settings: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return settings of what the rule reads besides κ, and the others."""
    given: dict[str, Any] = {}
    left = []
    for spec in settings:
        name, equals, value = spec.partition("=")
        if equals and name in rule.needs:
            given[name] = _number(spec, value)
        else:
            left.append(spec)
    return given, left


def _number(spec: str, value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        pass
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise OptionError(f"--set {spec!r}: expected a number (2, 0.5, 1/3) or a list ([1, 2])") from None

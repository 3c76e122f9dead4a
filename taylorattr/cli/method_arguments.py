"""METHOD, ``--set`` and ``--references``: which method is meant, with which options and reference set."""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taylorattr.cli import data as data_files
from taylorattr.cli.arguments import Request, single
from taylorattr.cli.own_code import callable_without_arguments, imported
from taylorattr.errors import OptionError, TaylorAttrError
from taylorattr.methods import EXTENSIONS, METHODS, SYSTEMS, AttributionMethod
from taylorattr.methods.method import find
from taylorattr.methods.option_types import fits

if TYPE_CHECKING:  # rules need sympy, which takes longer to import than most commands take to answer
    from taylorattr.allocation import AllocationRule
    from taylorattr.design import DesignedRule

LONGEST_LITERAL = 100_000
"""Characters of a value of ``--set`` that is a number or a list at most."""

REFERENCE_ROWS = "0:100"
"""Rows of the data that serve as reference set where a method needs one and none is named."""


def attribution_method(spec: str, settings: Sequence[str] = ()) -> tuple[AttributionMethod, list[str]]:
    """Return the method that METHOD names, and the settings that are left for its options.

    Args:
        spec: A name in ``ta.METHODS``, ``ta.SYSTEMS`` or ``ta.EXTENSIONS``; one in ``ta.RULES`` that runs on
            networks, whose quantities are taken from the settings; or ``package.module:name`` of a rule or of
            a factory that returns one.
        settings: ``name=value`` each.

    Raises:
        OptionError: If it is none of these.
    """
    if ":" in spec:
        return find(_designed_rule(imported(spec, "METHOD"), f"METHOD {spec}")), list(settings)
    if spec in METHODS or spec in SYSTEMS or spec in EXTENSIONS:
        return find(spec), list(settings)
    from taylorattr.allocation import RULES
    from taylorattr.allocation.context import REQUIRED
    from taylorattr.design import attributor

    if spec not in RULES:
        return METHODS[spec], list(settings)  # raises, and says what there is
    quantities, left = _quantities(RULES[spec], settings)
    missing = [name for name, need in RULES[spec].needs.items() if need.default is REQUIRED]
    missing = [name for name in missing if name not in quantities]
    if missing and RULES[spec].scope == "players":
        need = RULES[spec].needs[missing[0]]
        raise OptionError(f"{spec} reads {missing[0]!r}: {need.meaning}; pass --set {missing[0]}=…")
    return attributor(spec, **quantities).attribution_method, left


def allocation_rule(spec: str) -> AllocationRule:
    """Return the rule that a name in ``ta.RULES`` or ``package.module:name`` stands for.

    Raises:
        OptionError: If there is none.
    """
    from taylorattr.allocation import RULES, AllocationRule

    if ":" not in spec:
        return RULES[spec]
    value = _made(imported(spec))
    return value if isinstance(value, AllocationRule) else _designed_rule(value, spec).rule


def audited_method(spec: str, settings: Sequence[str] = ()) -> tuple[Any, list[str]]:
    """Return what ``--method`` of an audit names, and the settings that are left for its options.

    Args:
        spec: A name that `taylorattr attribute` takes, ``library:Name`` or ``package.module:name``.
        settings: ``name=value`` each.

    Returns:
        A method of this package or a rule of the user's as one, or a recipe of `binds`.

    Raises:
        OptionError: If it is none of these.
    """
    module, colon, name = spec.partition(":")
    if not colon:
        return attribution_method(spec, settings)
    # rules on paper, in the same package, need sympy, which is slow to import
    from taylorattr.compat.adapters import ADAPTERS, binds

    if module in ADAPTERS:
        return ADAPTERS[module](name), list(settings)
    try:
        value = imported(spec, "--method")
    except OptionError as error:
        unknown = error.__cause__
        if isinstance(unknown, ModuleNotFoundError) and unknown.name == module:
            raise OptionError(f"{error}; libraries with ready methods: {', '.join(ADAPTERS)}") from unknown
        raise
    if _is_rule(value):
        return find(_designed_rule(value, f"--method {spec}")), list(settings)
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"--method {spec}: {error}") from error
    parameters = signature.parameters
    if not parameters:
        return find(_designed_rule(value, f"--method {spec}")), list(settings)
    try:
        # a trial with as many arguments as the audit will pass
        signature.bind_partial(*range(4 if "inputs" in parameters else 3))
    except TypeError as error:
        raise OptionError(
            f"--method {spec} takes {signature}; expected (model, inputs, baselines, target), which returns "
            "scores, or (model, baselines, target), which returns a function of inputs that does"
        ) from error
    if "inputs" not in parameters:
        return binds(value, name=spec), list(settings)

    def make(model: Any, baselines: Any, target: Any, **options: Any) -> Any:
        return lambda rows: value(model, rows, baselines, target, **options)

    return binds(make, name=spec), list(settings)


def option(spec: str, method: AttributionMethod) -> tuple[str, Any]:
    """Read ``name=value``; the value is a Python literal (8, 0.1, True, None, [1, 2]) or else a word.

    Where the option takes words and no such literal, as ``layer=2.10``, the value is the word.

    Returns:
        Name and value.

    Raises:
        OptionError: If there is no equals sign.
    """
    name, equals, value = spec.partition("=")
    if not equals or not name:
        raise OptionError(f"--set {spec!r} is not of the form n_steps=64")
    try:
        literal = _literal(value)
    except ValueError:
        return name, value
    kind = method.option_types.get(name, Any)
    return name, value if fits(value, kind) and not fits(literal, kind) else literal


def references(arguments: argparse.Namespace, method: AttributionMethod, request: Request) -> Any:
    """Return the reference set, None where there is none.

    Raises:
        OptionError: If a method that reads a set is given a single baseline besides.
    """
    spec, baselines = arguments.references, request.question.baselines
    if method.references and spec is None and baselines is not None:
        return None  # the baseline is a set of one
    if method.references and baselines is not None:
        raise OptionError(f"{method.name} takes --references or --baseline, not both")
    if spec is None and not method.references:
        return None
    spec = spec or REFERENCE_ROWS
    if Path(spec).suffix in data_files.SUFFIXES:
        rows = data_files.load(spec, option="--references")
    else:
        rows = request.data.rows(spec, option="--references")
    inputs = request.question.inputs
    device = (inputs[0] if isinstance(inputs, tuple) else inputs).device
    return single(tuple(t.to(device) for t in rows.tensors))


def _designed_rule(value: Any, name: str) -> DesignedRule:
    """Return a designed rule from one, from an allocation rule, or from a factory of either.

    Args:
        value: What the user's module holds.
        name: What the user called it, for messages.

    Raises:
        OptionError: If it is none of these.
        TaylorAttrError: What the factory raises of this package, such as a ratio that is refused.
    """
    from taylorattr.allocation import AllocationRule
    from taylorattr.design import DesignedRule, attributor

    try:
        rule = _made(value)
    except TaylorAttrError:
        raise
    except Exception as error:  # whatever the user's factory raises
        raise OptionError(f"{name}: the factory raised {type(error).__name__}: {error}") from error
    if isinstance(rule, DesignedRule | AllocationRule):
        return attributor(rule)
    is_function = callable(rule) and hasattr(rule, "__name__")
    raise OptionError(
        f"{name} is {'a function with arguments' if is_function else type(rule).__name__}; expected a rule, "
        "as ta.design.rule('name', ratio) makes one, or a function without arguments that returns one"
    )


def _is_rule(value: Any) -> bool:
    """Return whether an object is a designed rule or an allocation rule."""
    from taylorattr.allocation import AllocationRule

    return isinstance(value, AllocationRule) or hasattr(value, "attribution_method")


def _made(value: Any) -> Any:
    """Return what a factory returns: a function that takes no arguments; anything else as it is."""
    # a rule can be called too, and is none
    is_factory = callable(value) and not _is_rule(value) and callable_without_arguments(value)
    return value() if is_factory else value


def _quantities(rule: AllocationRule, settings: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return settings of what the rule reads besides κ, and the others."""
    quantities: dict[str, Any] = {}
    left = []
    for spec in settings:
        name, equals, value = spec.partition("=")
        if equals and name in rule.needs:
            quantities[name] = _number(spec, value)
        else:
            left.append(spec)
    return quantities, left


def _literal(text: str) -> Any:
    """Return the Python literal that a text is.

    Raises:
        ValueError: If it is none, or too long or nested for one.
    """
    if len(text) > LONGEST_LITERAL:
        raise ValueError(f"it has more than {LONGEST_LITERAL:,} characters")
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None


def _number(spec: str, value: str) -> Any:
    """Return a Python literal, or a fraction, which keeps the exactness of symbolic ratios.

    Raises:
        OptionError: If it is neither.
    """
    from taylorattr.design.formula_limits import bounded_fraction  # with sympy, as the rules are

    try:
        return _literal(value)
    except ValueError:
        pass
    try:
        return bounded_fraction(value)
    except (ValueError, ZeroDivisionError):
        raise OptionError(f"--set {spec!r}: expected a number (2, 0.5, 1/3) or a list ([1, 2])") from None

"""Whether a value can be what an option's annotation says; ranges are the method's own business."""

from __future__ import annotations

import inspect
import math
import numbers
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from taylorattr.errors import OptionError

_WORDS = {bool: "True or False", int: "an integer", float: "a number", str: "a word", types.NoneType: "None"}


def keyword_types(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function's keyword-only arguments, strings resolved."""
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    return {p.name: hints.get(p.name, Any) for p in parameters if p.kind is p.KEYWORD_ONLY}


def check(method: str, name: str, value: Any, annotation: Any) -> None:
    """Refuse a value of another type than an option has.

    Args:
        method: Name of the method, for the message.
        name: The option.
        value: What was given.
        annotation: The option's annotation, resolved.

    Raises:
        OptionError: If it cannot be one.
    """
    if not fits(value, annotation):
        raise OptionError(f"{method}: {name}={value!r}; expected {expected(annotation)}")


def fits(value: Any, annotation: Any) -> bool:
    """Return whether a value can be what an annotation says.

    Literals only ask for a value of their members' type.

    Args:
        value: The value.
        annotation: A class, a union, a literal or a container type.

    Returns:
        True also where nothing is known about the annotation.
    """
    if annotation is Any:
        return True
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in get_args(annotation))
    if origin is Literal:
        return any(fits(value, type(member)) for member in get_args(annotation))
    if annotation is None or annotation is types.NoneType:
        return value is None
    kind = origin or annotation
    if kind is bool:
        return isinstance(value, bool)
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is int:
        return isinstance(value, numbers.Integral)
    if kind is float:
        return isinstance(value, numbers.Real) and not math.isnan(value)
    if not isinstance(kind, type):
        return True
    if not isinstance(value, kind) or (isinstance(value, str) and kind is Sequence):
        return False
    members = get_args(annotation)
    if kind is Sequence or (kind is tuple and members[1:] == (...,)):
        return all(fits(entry, members[0]) for entry in value)
    return True


def expected(annotation: Any) -> str:
    """Return in words what an annotation admits."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return " or ".join(dict.fromkeys(_word(part) for part in parts))


def _word(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(repr(member) for member in get_args(annotation))
    kind = origin or annotation
    if kind in _WORDS or kind is None:
        return _WORDS[kind or types.NoneType]
    if kind is Any:
        return "anything"
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return "a dict"
    if kind in (Sequence, tuple, list):
        return "a sequence"
    return f"a {getattr(kind, '__name__', kind)}"

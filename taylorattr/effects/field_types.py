"""Whether the fields of a result have the types that its class declares; dataclasses do not look themselves.

Read from a file, a field of another type would be found much later, where the result is printed or used.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from taylorattr.errors import FormatError


def require_types(cls: type[Any], fields: Mapping[str, Any]) -> None:
    """Raise FormatError unless every field is of its declared type, and names are told apart.

    Args:
        cls: A dataclass.
        fields: Its arguments by name; those it does not declare are left to the class.

    Raises:
        FormatError: With the field, what it is and what it should be.
    """
    declared = _declared(cls)
    for name, value in fields.items():
        if name in declared and not _is(value, declared[name]):
            raise FormatError(
                f"{name} of a {cls.__name__} is {value!r:.60}, a {type(value).__name__}; expected "
                f"{_words(declared[name])}"
            )
    names = fields.get("names")
    if isinstance(names, tuple) and len(set(names)) < len(names):
        raise FormatError(f"names of a {cls.__name__} holds a name twice")


@lru_cache(maxsize=256)
def _declared(cls: type[Any]) -> dict[str, Any]:
    """Return the types of a class's fields."""
    return get_type_hints(cls)


def _is(value: Any, kind: Any) -> bool:
    """Return whether a value is of a declared type; whole numbers are floats too, bools are no numbers."""
    if kind is Any:
        return True
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_is(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(inner) == 2 and inner[1] is Ellipsis:
            return all(_is(entry, inner[0]) for entry in value)
        return len(value) == len(inner) and all(map(_is, value, inner))
    if origin in (list, Sequence):
        return isinstance(value, list | tuple) and all(_is(entry, inner[0]) for entry in value)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(
            _is(key, inner[0]) and _is(entry, inner[1]) for key, entry in value.items()
        )
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is None:
        return value is None
    # what this does not know is left to the class
    return not isinstance(kind, type) or isinstance(value, kind)


def _words(kind: Any) -> str:
    """Return a type as a reader of the message knows it."""
    return (
        kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
    )

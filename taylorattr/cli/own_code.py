"""What ``package.module:name`` names on the command line: code of the user's own."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from taylorattr.errors import OptionError, TaylorAttrError


def imported(spec: str, option: str = "") -> Any:
    """Return what ``package.module:name`` names; the current directory is importable.

    Args:
        spec: The name.
        option: Whose value it is, for messages.

    Raises:
        OptionError: If there is no such module or name, or the module raises while it is imported.
    """
    module, _, name = spec.partition(":")
    prefix = f"{option} {spec}".strip()
    # an installed command starts with the folder of its script on sys.path, not with the user's
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        value: Any = importlib.import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError, TaylorAttrError) as error:  # a rule that is refused says why itself
        raise OptionError(f"{prefix}: {error}") from error
    except Exception as error:  # whatever the user's module raises while it is imported
        raise OptionError(f"{prefix}: importing it raised {type(error).__name__}: {error}") from error
    return value


def callable_without_arguments(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called without arguments."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature takes the inputs
        return False
    return True

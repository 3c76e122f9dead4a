"""From what the user passes as method to what an audit can bind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taylorattr.criteria.audit.bound_callable import Binds, BoundCallable
from taylorattr.criteria.audit.named_method import ByName
from taylorattr.criteria.audit.subject import Attributor
from taylorattr.errors import OptionError
from taylorattr.methods.method import Attributes, AttributionMethod
from taylorattr.registry import Registry

ADAPTERS: Registry[Callable[[str], Binds]] = Registry("library with an adapter")
"""Library -> (name of its method -> recipe), such as ``ADAPTERS["captum"]("DeepLift")``; see `compat`."""


def attributor(method: Any, options: dict[str, Any]) -> Attributor:
    """Return what the user named or passed.

    Args:
        method: A name in ``ta.METHODS``, a designed rule or its name, ``library:Name`` of a registered
            adapter, an `Attributor`, such as what `binds` returns, or a callable.
        options: Options of a method by name; settings that `binds` adds.

    Returns:
        The method, not yet bound.

    Raises:
        OptionError: If it is none of these, or takes no options.
    """
    if isinstance(method, str) and ":" in method:
        library, _, name = method.partition(":")
        if library not in ADAPTERS:
            raise OptionError(
                f"no adapter for {library!r} is registered (known: {', '.join(ADAPTERS) or 'none'}): import "
                "taylorattr.compat.adapters, or pass ta.binds(make)"
            )
        method = ADAPTERS[library](name)
    if isinstance(method, str | AttributionMethod | Attributes):
        return ByName(method, options)
    if isinstance(method, Binds):
        return method.having(options)
    if isinstance(method, Attributor) and not options:
        return method
    if not callable(method):
        raise OptionError(
            f"method is a {type(method).__name__}; expected a name in ta.METHODS, a designed rule, a "
            "callable rows (m, …) -> scores (m, …), or ta.binds(make)"
        )
    if options:
        raise OptionError(
            f"a bound callable takes no options, and {next(iter(options))!r} was given; bind them in it, or "
            "use ta.binds(make, option=…)"
        )
    return BoundCallable(method)

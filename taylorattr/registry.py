"""A named collection: register, look up, list, and suggest the near name when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from taylorattr.errors import OptionError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Mapping from name to object that explains itself when a name is not there.

    Args:
        kind: What the entries are, singular, as it should read in an error message.
        order: Names listed first, in this order, whichever is registered first.
    """

    def __init__(self, kind: str, order: Sequence[str] = ()) -> None:
        """Start empty."""
        self.kind = kind
        self.order = tuple(order)
        self._entries: dict[str, T] = {}

    def register(self, name: str, *, replace: bool = False) -> Callable[[T], T]:
        """Return a decorator that files its argument under name and hands it back unchanged.

        Args:
            name: The name.
            replace: Allow the name to be taken already.

        Returns:
            The decorator; ``registry.register(name)(value)`` files a value that is not defined here.
        """

        def add(value: T) -> T:
            if name in self._entries and not replace:
                raise OptionError(f"the {self.kind} {name!r} exists already; choose another name")
            self._entries[name] = value
            return value

        return add

    def __getitem__(self, name: str) -> T:
        """Return the entry of that name.

        Raises:
            OptionError: If there is none; names the nearest one and lists them all.
        """
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(str(name), self._entries, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise OptionError(f"no {self.kind} is called {name!r}; {hint}known: {', '.join(self)}")

    def get(self, name: str, default: Any = None) -> Any:
        """Return the entry of that name, or the default where there is none."""
        return self._entries.get(name, default)

    def __contains__(self, name: object) -> bool:
        """Return whether the name is taken."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names: those with a place of their own, then in the order of registration."""
        placed = [name for name in self.order if name in self._entries]
        return iter([*placed, *(name for name in self._entries if name not in self.order)])

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def __repr__(self) -> str:
        """List the names."""
        return f"Registry of {self.kind}: {', '.join(self)}"

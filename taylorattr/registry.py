"""A named collection: register, look up, list, take out, and suggest the near name when a name is unknown."""

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
        lent: Another registry whose names are found here as well, so that an entry is held in one place.
        as_entry: What an entry of that registry is here.
        synonyms: Name -> what else the thing is called, for the hint to a name that is not there; letters,
            digits and nothing else of both are compared, in small letters.
    """

    def __init__(
        self,
        kind: str,
        order: Sequence[str] = (),
        *,
        lent: Registry[Any] | None = None,
        as_entry: Callable[[Any], T] = lambda entry: entry,
        synonyms: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Start empty."""
        self.kind = kind
        self.order = tuple(order)
        self._entries: dict[str, T] = {}
        self._lent: Mapping[str, Any] = {} if lent is None else lent
        self._as_entry = as_entry
        self._synonyms = dict(synonyms or {})

    def register(self, name: str, *, replace: bool = False) -> Callable[[T], T]:
        """Return a decorator that files its argument under name and hands it back unchanged.

        Args:
            name: The name.
            replace: Allow the name to be taken already, in this registry itself.

        Returns:
            The decorator; ``registry.register(name)(value)`` files a value that is not defined here.
        """

        def add(value: T) -> T:
            if name in self and not (replace and name in self._entries):
                raise OptionError(f"the {self.kind} {name!r} exists already; choose another name")
            self._entries[name] = value
            return value

        return add

    def unregister(self, name: str) -> T:
        """Take an entry out.

        Args:
            name: Its name.

        Returns:
            The entry.

        Raises:
            OptionError: If there is none of that name, or it is held by another registry.
        """
        if name in self._lent and name not in self._entries:
            raise OptionError(f"the {self.kind} {name!r} is not held here; take it out where it was made")
        entry = self[name]
        del self._entries[name]
        return entry

    @property
    def own(self) -> tuple[str, ...]:
        """The names that were registered here, without those lent by another registry."""
        return tuple(self._entries)

    def __getitem__(self, name: str) -> T:
        """Return the entry of that name.

        Raises:
            OptionError: If there is none; names the nearest one and lists them all.
        """
        if name in self._entries:
            return self._entries[name]
        if name in self._lent:
            return self._as_entry(self._lent[name])
        near = self.near(name)
        hint = f"did you mean {near!r}? " if near else ""
        raise OptionError(f"no {self.kind} is called {name!r}; {hint}known: {', '.join(self)}")

    def near(self, name: object) -> str | None:
        """Return the entry that a name which is not there means: by a synonym, else by its spelling."""
        # a synonym goes first: of two short names, the one that looks alike is as often another thing
        meant = {_plain(word): own for own in self for word in (own, *self._synonyms.get(own, ()))}
        if _plain(name) in meant:
            return meant[_plain(name)]
        alike = difflib.get_close_matches(str(name), list(self), n=1, cutoff=0.5)
        return alike[0] if alike else None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the entry of that name, or the default where there is none."""
        return self[name] if name in self else default

    def __contains__(self, name: object) -> bool:
        """Return whether the name is taken."""
        return name in self._entries or name in self._lent

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names: those with a place of their own, then in the order of registration."""
        known = dict.fromkeys((*self._entries, *self._lent))
        return iter(dict.fromkeys((*(name for name in self.order if name in known), *known)))

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries.keys() | self._lent.keys())

    def __repr__(self) -> str:
        """List the names."""
        return f"Registry of {self.kind}: {', '.join(self)}"


def _plain(name: object) -> str:
    """Return the letters and digits of a name, in small letters."""
    return "".join(c for c in str(name).lower() if c.isalnum())


DESIGNS: Registry[Any] = Registry("designed rule")
"""The rules that were designed in this process, by name: each with its ratios, ``rule``, and as a method,
``attribution_method``.

It stands here, below `allocation` and `methods`, so that ``ta.RULES`` and ``ta.attribute`` look a designed
rule up where it is held instead of keeping copies; `taylorattr.design` fills it.
"""

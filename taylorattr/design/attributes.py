"""What a rule knows of each player besides κ: weights, an order, groups."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taylorattr.allocation.context import Need
from taylorattr.design.exact_numbers import exact
from taylorattr.errors import OptionError, PlayerError

TRIED_VALUES = 4
"""Values of an attribute from which small settings are made, the ends among them."""

MOST_SETTINGS = 40
"""Small settings of one attribute at most."""


@dataclass(frozen=True)
class PlayerAttributes:
    """One number per player and attribute.

    Attributes:
        values: Attribute -> numbers, in the order of the players.
        names: Names of the players they belong to; None: they go by position.
    """

    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> PlayerAttributes:
        """Read what a user gives: name -> numbers, or name -> {player's name: number}.

        Returns:
            The attributes, numbers exact.

        Raises:
            OptionError: Lengths or names that differ between attributes, or entries that are no numbers.
        """
        values: dict[str, tuple[Any, ...]] = {}
        names: tuple[str, ...] | None = None
        for attribute, entries in (given or {}).items():
            if not attribute.isidentifier() or attribute in ("kappa", "m", "s", "n", "i", "j"):
                raise OptionError(
                    f"attribute {attribute!r}: expected a name that is a Python identifier and no letter of "
                    "a ratio (kappa, m, s, n, i, j)"
                )
            if isinstance(entries, Mapping):
                owners = tuple(map(str, entries))
                if names is not None and set(owners) != set(names):
                    other = sorted(set(owners) ^ set(names))
                    raise OptionError(f"attributes name different players: {', '.join(other[:4])}")
                names = names or owners
                entries = (
                    [entries[name] for name in names]
                    if set(names) <= set(entries)
                    else list(entries.values())
                )
            values[attribute] = _numbers(attribute, entries)
        sizes = {attribute: len(entries) for attribute, entries in values.items()}
        if len(set(sizes.values())) > 1:
            raise OptionError(
                f"attributes have different lengths: {sizes}; give one number per player in each"
            )
        return cls(values, names)

    @property
    def players(self) -> int | None:
        """How many players they describe; None where there are no attributes."""
        return len(next(iter(self.values.values()))) if self.values else None

    def given(self, attribute: str) -> Any:
        """Return an attribute as it is given: numbers, or {player's name: number}."""
        entries = self.values[attribute]
        return list(entries) if self.names is None else dict(zip(self.names, entries, strict=True))

    @property
    def needs(self) -> dict[str, Need]:
        """The attributes as quantities of a rule."""
        return {
            name: Need(f"attribute {name} of each player", default=list(entries))
            for name, entries in self.values.items()
        }

    @property
    def tried(self) -> dict[str, Callable[[int], Sequence[Any]]]:
        """Small settings made of the attributes' own values, in which criteria are looked at."""
        return {name: _settings(entries) for name, entries in self.values.items()}

    def context(self, players: Sequence[str], rule: str) -> dict[str, list[Any]]:
        """Return the attributes in the order of some players.

        Args:
            players: Names of the players of an analysis.
            rule: Name of the rule, for the message.

        Raises:
            PlayerError: If a player has no attributes, or their number differs.
        """
        if not self.values:
            return {}
        if self.names is None:
            if len(players) != self.players:
                raise PlayerError(
                    f"{rule} has attributes of {self.players} players, and the analysis has {len(players)}; "
                    "group the inputs with players=, or define the rule for these players"
                )
            return {name: list(entries) for name, entries in self.values.items()}
        position = {name: k for k, name in enumerate(self.names)}
        missing = [name for name in players if name not in position]
        if missing:
            raise PlayerError(
                f"{rule} has no attributes for the player {missing[0]!r}; it knows "
                f"{', '.join(self.names[:8])}"
                f"{', …' if len(self.names) > 8 else ''}"
            )
        return {name: [entries[position[p]] for p in players] for name, entries in self.values.items()}


def _numbers(attribute: str, entries: Any) -> tuple[Any, ...]:
    """Return the entries of an attribute as exact numbers, whole ones as int."""
    try:
        numbers = tuple(exact(entry) for entry in entries)
    except (TypeError, ValueError) as error:
        raise OptionError(f"attribute {attribute!r}: {error}; give one number per player") from None
    if not numbers:
        raise OptionError(f"attribute {attribute!r} is empty; give one number per player")
    return tuple(int(v) if v.denominator == 1 else v for v in numbers)


def _settings(entries: tuple[Any, ...]) -> Callable[[int], Sequence[Any]]:
    """Return n -> small settings of an attribute: tuples of its own values, the ends among them."""
    distinct = sorted(set(entries))
    if len(distinct) > TRIED_VALUES:
        chosen = np.linspace(0, len(distinct) - 1, TRIED_VALUES).round().astype(int)
        distinct = [distinct[k] for k in chosen]

    def of(n: int) -> Sequence[Any]:
        return list(itertools.islice(itertools.product(distinct, repeat=n), MOST_SETTINGS))

    return of

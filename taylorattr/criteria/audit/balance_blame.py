"""The operation at which a sum breaks, read off the balance of our own relevance methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taylorattr.criteria.audit.named_method import Named
from taylorattr.effects.result import Result

SHOWN = 1e-3
"""An operation is named from this part of the whole sum on."""


@dataclass(frozen=True, eq=False)
class BalanceBlame(Result):
    """Where a sum breaks.

    Attributes:
        way: How it was found: ``balance``.
        coalition: Names of the players present in the input that was looked at: the one with the worst sum.
        operation: The operation that keeps or adds most.
        module: Dotted path of the module that ran it.
        where: Source line.
        rule: The rule that handed it on.
        incoming: What came in.
        outgoing: What went out.
        shares: What of the difference has a name: ``bias``, ``epsilon``, ``constant``, ``empty group``.
        remainder: What has none: a fault of the rule.
        first: The operation nearest to the output where something is missing, with its module.
        others: Further operations where something is missing, largest first: ``op``, ``module``, ``missing``.
    """

    way: str
    coalition: tuple[str, ...]
    operation: str
    module: str
    where: str
    rule: str
    incoming: float
    outgoing: float
    shares: dict[str, float] = field(default_factory=dict)
    remainder: float = 0.0
    first: str = ""
    others: tuple[dict[str, Any], ...] = ()

    @property
    def statement(self) -> str:
        """What happened, with the numbers before and after."""
        place = f"`{self.module}`: {self.operation}" if self.module else f"{self.operation} ({self.where})"
        named = ", ".join(f"{amount:.3g} as {name}" for name, amount in self.shares.items())
        kept = f"; kept by the rule: {named}" if named else ""
        if abs(self.remainder) > 1e-9 * max(abs(self.incoming), abs(self.outgoing)):
            kept += f"; {self.remainder:.3g} is lost without a name, a fault of the rule"
        return (
            f"the sum breaks at {place} (rule {self.rule}): {self.incoming:.6g} comes in, "
            f"{self.outgoing:.6g} goes on{kept}"
        )


def balance_blame(bound: Named, present: np.ndarray, names: tuple[str, ...]) -> BalanceBlame | None:
    """Return the operation that a relevance method loses most at, for one masked input.

    Args:
        bound: The method, bound.
        present: The coalition whose sum is worst, shape (n,), bool.
        names: Names of the players.

    Returns:
        The blame; None where the method is no relevance method or its balance closes.
    """
    if "balance" not in bound.method.options:
        return None
    row = present[None]
    given = bound.ask(bound.subject.rows(row, own_dtype=False), 1, balance=True)
    entries = _flat(given.diagnostics["balance"])
    coalition = tuple(name for name, on in zip(names, present, strict=True) if on)
    return blame_of(entries, coalition)


def blame_of(entries: list[Mapping[str, Any]], coalition: tuple[str, ...]) -> BalanceBlame | None:
    """Return the operation with the largest difference of incoming and outgoing, None where all close.

    Args:
        entries: Balance of every operation from the output to the inputs, as `Entry.to_dict` gives it.
        coalition: Names of the players that are present.
    """
    scale = max((abs(e["incoming"]) for e in entries), default=0.0)
    missing = [e["incoming"] - e["outgoing"] for e in entries]
    broken = [k for k, amount in enumerate(missing) if abs(amount) > SHOWN * scale]
    if not broken:
        return None
    ranked = sorted(broken, key=lambda k: -abs(missing[k]))
    worst, first = entries[ranked[0]], entries[broken[0]]
    return BalanceBlame(
        way="balance",
        coalition=coalition,
        operation=worst["op"],
        module=worst["module"],
        where=worst["where"],
        rule=worst["rule"],
        incoming=worst["incoming"],
        outgoing=worst["outgoing"],
        shares=dict(worst["shares"]),
        remainder=worst["remainder"],
        first=f"{first['op']} (module '{first['module']}', {first['where']})",
        others=tuple(
            {"op": entries[k]["op"], "module": entries[k]["module"], "missing": missing[k]}
            for k in ranked[1:6]
        ),
    )


def _flat(balance: Iterable[Any]) -> list[Mapping[str, Any]]:
    """Return the entries of the only example; of its first reference, where there are several."""
    found = list(balance)
    while found and isinstance(found[0], list):
        found = found[0]
    return found

"""The operation at which the sum of an audited method breaks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from taylorattr.analysis.players import Players
from taylorattr.criteria.audit.attributor import Binds, BoundPackageMethod
from taylorattr.criteria.audit.bound_method import Attributor, AuditedExample
from taylorattr.criteria.blame.blame import blame
from taylorattr.criteria.blame.blamed_operation import Blame
from taylorattr.effects.result import Result
from taylorattr.errors import MethodError

SMALLEST_NAMED_LOSS = 1e-3
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


def balance_blame(
    bound: BoundPackageMethod, present: np.ndarray, names: tuple[str, ...]
) -> BalanceBlame | None:
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
    broken = [k for k, amount in enumerate(missing) if abs(amount) > SMALLEST_NAMED_LOSS * scale]
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


LARGEST_BLAME_TOLERANCE = 1e-3
"""Relative gap from which a sum breaks at most; less where the audit calls less wrong."""


def recipe_blame(
    asked: Binds, subject: AuditedExample, present: np.ndarray, tol: float = LARGEST_BLAME_TOLERANCE
) -> Blame | None:
    """Return the operation at which the sum breaks for some masked rows.

    Args:
        asked: The recipe; it is called with parts of the model.
        subject: The example with its baseline and model.
        present: The coalitions whose rows are looked at, shape (m, n), bool: in one row the errors behind
            an operation may cancel.
        tol: What the audit takes for right.

    Returns:
        The blame; None where the recipe takes no parts of a model, or the model is no module or reads
        additional arguments.
    """
    if not asked.parts or subject.extra or not isinstance(subject.model, nn.Module):
        return None
    takes_players = "players" in inspect.signature(asked.make).parameters

    def make(network: nn.Module, baselines: Any, target: Any) -> Callable[[Any], Any]:
        settings = dict(asked.settings)
        if takes_players:
            settings["players"] = Players.elements(baselines)
        return asked.make(network, baselines, target, **settings)

    rows = subject.rows(present, own_dtype=False)
    tolerance = min(tol, LARGEST_BLAME_TOLERANCE)
    return blame(make, subject.model, rows, subject.baseline(), target=subject.target, tolerance=tolerance)


def refusal(error: MethodError, asked: Attributor, subject: AuditedExample) -> str:
    """Return the message of a method that does not take a model, with the operation that it refuses.

    Args:
        error: What was raised for rows of the whole model.
        asked: The method.
        subject: The example with its baseline and model.

    Returns:
        The same message where no operation can be named, as where every part of the model is refused.
    """
    if not isinstance(asked, Binds):
        return str(error)
    found = recipe_blame(asked, subject, np.ones((1, subject.game.n), dtype=bool))
    if found is None or found.found != "refused" or not found.operation:
        return str(error)
    shown = f"`{found.operation}`" + (f" ({found.kind})" if found.kind else "")
    if found.before is None:
        return f"{error}; of the model it refuses {shown}, the last operation"
    return f"{error}; of the model it takes what follows {shown}, and refuses it with {shown}"

"""The operation at which the sum of an audited method breaks.

For methods of this package it is read off their own balance of relevance, `BalanceBlame`. Methods of other
libraries are asked about parts of the model, through the recipe that binds them; see `criteria.blame`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.analysis.players import Players
from taylorattr.criteria.audit.attributor import Attributor, Binds, BoundPackageMethod, holding_arguments
from taylorattr.criteria.audit.bound_method import AuditedExample
from taylorattr.criteria.audit.judgement import JudgedExample
from taylorattr.criteria.audit.statistics import gaps
from taylorattr.criteria.audit.suspicions import size_weights
from taylorattr.criteria.blame.blame import MOST_EXAMPLES, blame
from taylorattr.criteria.blame.blamed_operation import Blame, of_the_method
from taylorattr.criteria.blame.cuts import SumCheck
from taylorattr.criteria.blame.simple_networks import quadrature, wrong_by_itself
from taylorattr.effects.result import Result
from taylorattr.errors import MethodError

SMALLEST_NAMED_LOSS = 1e-3
"""An operation is named from this part of the whole sum on."""

LARGEST_BLAME_TOLERANCE = 1e-3
"""Relative gap from which a sum breaks at most; less where the audit calls less wrong."""

OTHERS_NAMED = 5
"""Further operations that a `BalanceBlame` lists."""


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
        at = f"`{self.module}`: {self.operation}" if self.module else f"{self.operation} ({self.where})"
        named = ", ".join(f"{amount:.3g} as {name}" for name, amount in self.shares.items())
        losses = f"; kept by the rule: {named}" if named else ""
        if abs(self.remainder) > 1e-9 * max(abs(self.incoming), abs(self.outgoing)):
            losses += f"; {self.remainder:.3g} is lost without a name, a fault of the rule"
        return (
            f"the sum breaks at {at} (rule {self.rule}): {self.incoming:.6g} comes in, "
            f"{self.outgoing:.6g} goes on{losses}"
        )


def faulty_operation(
    method: Attributor, example: JudgedExample, names: tuple[str, ...]
) -> BalanceBlame | Blame | None:
    """Return the operation to blame for sums that fail, or hold only nearly.

    The masked rows with the worst sums are looked at: several, as in one of them the errors behind an
    operation may cancel. Nobody is blamed for a misuse: what is called wrongly breaks everywhere. Scores at
    the baseline are an exception, since a rule that loses track of a skip connection gives them as well.

    Args:
        method: What was audited.
        example: The example with the worst sums.
        names: Names of the players.
    """
    table = example.numbers.tables[0]
    worst_columns = np.argsort(-np.abs(gaps(table.v, table.a)), kind="stable")[:MOST_EXAMPLES]
    if isinstance(example.bound, BoundPackageMethod):
        return balance_blame(example.bound, table.present[worst_columns[0]], names)
    if any(fault.kind != "scores at baseline" for fault in example.misuse):
        return None
    numbers, count = example.numbers, example.numbers.A.shape[1]
    weights = size_weights(numbers.J, numbers.A, table.present[:count])
    if weights:
        return of_the_method(f"wrong at every product of players; {weights}")
    if example.refinement is not None and example.refinement.cause == "numerical":
        return of_the_method(f"too few nodes of a quadrature: {example.refinement.sentence}")
    if isinstance(method, Binds) and example.verdicts[2].status == "holds_to":
        nodes = _nodes(method, example.audited, table.present[worst_columns[:1]])
        return of_the_method(nodes) if nodes else None
    if isinstance(method, Binds):
        return recipe_blame(method, example.audited, table.present[worst_columns], example.tol)
    return None


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
    attribution = bound.ask(bound.audited.rows(present[None], own_dtype=False), 1, balance=True)
    entries = _of_first_reference(attribution.diagnostics["balance"])
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
            for k in ranked[1 : OTHERS_NAMED + 1]
        ),
    )


def _of_first_reference(balance: Iterable[Any]) -> list[Mapping[str, Any]]:
    """Return the entries of the only example; of its first reference, where there are several."""
    entries = list(balance)
    while entries and isinstance(entries[0], list):
        entries = entries[0]
    return entries


def recipe_blame(
    method: Binds, audited: AuditedExample, present: np.ndarray, tol: float = LARGEST_BLAME_TOLERANCE
) -> Blame | None:
    """Return the operation at which the sum breaks for some masked rows.

    Args:
        method: The recipe; it is called with parts of the model.
        audited: The example with its baseline and model.
        present: The coalitions whose rows are looked at, shape (m, n), bool.
        tol: What the audit takes for right.

    Returns:
        The blame; None where the recipe takes no parts of a model, or the model is no module.
    """
    if not method.parts or not isinstance(audited.model, nn.Module):
        return None
    make = _maker(method)
    rows = audited.rows(present, own_dtype=False)
    tolerance = min(tol, LARGEST_BLAME_TOLERANCE)
    model: Any = holding_arguments(audited)  # a module as the model is one
    blamed = blame(make, model, rows, audited.baseline(), target=audited.target, tolerance=tolerance)
    if blamed.found not in ("found", "context"):
        return blamed
    # before an operation is believed to be at fault: is the method right on networks without it?
    x, b = (part if isinstance(part, tuple) else (part,) for part in (_first(rows), audited.baseline()))
    check = SumCheck(make, blamed.law, tolerance)
    why = wrong_by_itself(check, _doubled(x), _doubled(b), audited.target, _output_shape(model, x))
    return of_the_method(why, blamed.law, blamed.cuts) if why else blamed


def _maker(method: Binds) -> Callable[..., Callable[[Any], Any]]:
    """Return the recipe as it is called with a part of the model."""
    takes_players = "players" in inspect.signature(method.make).parameters

    def make(network: nn.Module, baselines: Any, target: Any) -> Callable[[Any], Any]:
        """Bind the method to a part, whose inputs are hidden values that no player groups."""
        settings = dict(method.settings)
        if takes_players:
            settings["players"] = Players.elements(baselines)
        return method.make(network, baselines, target, **settings)

    return make


def _nodes(method: Binds, audited: AuditedExample, present: np.ndarray) -> str:
    """Return the nodes of a quadrature that the method takes, empty where none are recognised."""
    if not method.parts or not isinstance(audited.model, nn.Module):
        return ""
    rows, start = audited.rows(present, own_dtype=False), audited.baseline()
    x, b = (part if isinstance(part, tuple) else (part,) for part in (rows, start))
    check = SumCheck(_maker(method), "difference", LARGEST_BLAME_TOLERANCE)
    shape = _output_shape(holding_arguments(audited), x)
    return quadrature(check, _doubled(x), _doubled(b), audited.target, shape)


def _first(rows: Any) -> Any:
    """Return the first row of each input."""
    return tuple(part[:1] for part in rows) if isinstance(rows, tuple) else rows[:1]


def _doubled(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return float64 tensors, as operations are looked at in."""
    return tuple(part.detach().double() if part.is_floating_point() else part for part in parts)


def _output_shape(model: Any, x: tuple[Tensor, ...]) -> tuple[int, ...]:
    """Return the shape of the model's output of one row."""
    copied = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        output = copied(*_doubled(x))
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else ()


def refusal(error: MethodError, method: Attributor, audited: AuditedExample) -> str:
    """Return the message of a method that does not take a model, with the operation that it refuses.

    Args:
        error: What was raised for rows of the whole model.
        method: The method.
        audited: The example with its baseline and model.

    Returns:
        The same message where no operation can be named, as where every part of the model is refused.
    """
    if not isinstance(method, Binds):
        return str(error)
    blamed = recipe_blame(method, audited, np.ones((1, audited.game.n), dtype=bool))
    if blamed is None or blamed.found != "refused" or not blamed.operation:
        return str(error)
    operation = f"`{blamed.operation}`" + (f" ({blamed.kind})" if blamed.kind else "")
    if blamed.before is None:
        return f"{error}; of the model it refuses {operation}, the last operation"
    return f"{error}; of the model it takes what follows {operation}, and refuses it with {operation}"

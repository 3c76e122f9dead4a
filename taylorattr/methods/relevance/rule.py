"""What a rule is, and the table that finds the rule of each operation."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.relevance.site import Site
from taylorattr.program.operations import Kind
from taylorattr.program.program import Program
from taylorattr.program.refusals import refusal

Pulled: TypeAlias = Sequence[Tensor | None] | dict[int, Tensor]
"""Multipliers of the operands in their order, or by value number where a rule looks past its operands."""


class Rule(ABC):
    """How one operation hands on the multiplier of its result.

    A multiplier m stands for a contribution m·Δ (difference rules) or a relevance m·value (LRP), so nothing
    is ever divided by an activation. Every rule is linear in the incoming multiplier. What a rule gives up on
    purpose it says by ``site.give_up``; anything else that is missing is a fault in the balance.

    Attributes:
        name: Shown in the balance report.
    """

    name: str = "rule"

    @abstractmethod
    def pull(self, site: Site, m: Tensor) -> Pulled | Relevance:
        """Return the multipliers of the operands.

        Args:
            site: The operation with its values.
            m: Multiplier of its first result.

        Returns:
            One tensor per entry of ``site.operands`` (None: nothing), or value number -> tensor.
        """

    def pull_all(self, site: Site, ms: Sequence[Tensor | None]) -> Pulled | Relevance:
        """Return the multipliers of the operands of an operation with several results.

        Args:
            site: The operation.
            ms: One multiplier per result, None where nobody reads it.

        Returns:
            As `pull`.

        Raises:
            MissingRuleError: If a result other than the first carries relevance.
        """
        if any(m is not None for m in ms[1:]):
            raise site.refuse("a result other than the first carries relevance, which its rule does not take")
        return [] if ms[0] is None else self.pull(site, ms[0])

    def gates(self, site: Site) -> bool:
        """Whether `pull` multiplies by 1 where the result is > 0, by 0 elsewhere, and notes nothing: ReLU."""
        return False

    def pull_gated(self, site: Site, m: Tensor, clipped: Tensor) -> Pulled | Relevance:
        """Return what `pull` makes of m·1[y > 0], where a ReLU alone reads the result y.

        A rule that divides by y, or multiplies by it, needs no pass of its own for the gate.

        Args:
            site: The operation.
            m: Multiplier of the ReLU's result.
            clipped: relu(y).

        Returns:
            As `pull`.
        """
        return self.pull_all(site, [torch.ops.aten.threshold_backward.default(m, clipped, 0)])

    def pull_abs(self, site: Site, m: Tensor) -> Pulled | None:
        """Return |M|ᵀm, M the matrix `pull` applies transposed; None where |M| is not known."""
        return None

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor | None:
        """Return |M| applied to one tensor per operand; None where |M| is not known."""
        return None


class Relevance(list[Tensor | None]):
    """What a rule returns that gives relevances, not multipliers: one tensor per operand.

    For first-layer rules that do not share in proportion to the input (w², z^B, flat).
    """


@dataclass(frozen=True)
class FunctionRule(Rule):
    """A rule made of a function.

    Attributes:
        function: ``(site, m) -> multipliers of the operands``.
        name: Shown in the balance report.
    """

    function: Callable[[Site, Tensor], Any]
    name: str = "custom"

    def pull(self, site: Site, m: Tensor) -> Pulled | Relevance:
        """Return what the function returns; a single tensor is the multiplier of the only operand."""
        pulled = self.function(site, m)
        return [pulled] if isinstance(pulled, Tensor) else pulled


Matcher: TypeAlias = str | Callable[[Site], bool]
"""An operation (``relu``, ``aten.relu.default``), a module path (``layer1.*``) or a predicate."""

Overrides: TypeAlias = Mapping[Matcher, Rule | Callable[[Site, Tensor], Any]]
"""The user's rules, first match wins."""


def named_operations(rules: Overrides | None) -> frozenset[str]:
    """Return the operations the user's rules name (``cumprod``, ``aten.cumprod.default``), short.

    They are not written out by their formula; a predicate or a module path meets the formula's parts.
    """
    names = (matcher for matcher in rules or {} if isinstance(matcher, str))
    return frozenset(name.removeprefix("aten.").split(".")[0] for name in names)


@dataclass(frozen=True)
class RuleTable:
    """Overrides first, then the rule of the operation's kind.

    Attributes:
        by_kind: Kind -> rule.
        overrides: Pairs of matcher and rule, in order.
        method: Name for error messages.
    """

    by_kind: Mapping[Kind, Rule]
    overrides: tuple[tuple[Matcher, Rule], ...] = field(default=())
    method: str = "this method"

    def find(self, site: Site) -> Rule:
        """Return the rule of an operation.

        Args:
            site: The operation.

        Returns:
            The first override that matches, else the rule of its kind.

        Raises:
            MissingRuleError: If there is none; names operation, module, line and what to do.
        """
        for matcher, rule in self.overrides:
            if _matches(matcher, site):
                return rule
        reason = refusal("relevance", site.node)
        if reason:
            raise site.refuse(reason)
        kind = site.kind
        if kind is None or kind not in self.by_kind:
            raise site.refuse(
                f"{self.method} has none for this operation, and the gradient is no substitute. Pass "
                f"rules={{{site.name!r}: rule}} with rule(site, m) -> one multiplier per operand, or write "
                "the model with operations that have rules"
            )
        return self.by_kind[kind]

    def with_overrides(self, rules: Overrides | None, program: Program) -> RuleTable:
        """Return the table with the user's rules in front.

        Args:
            rules: Matcher -> rule or function.
            program: The recorded program, against which the matchers are checked.

        Returns:
            The table.

        Raises:
            OptionError: If a name matches no operation and no module of the program.
        """
        pairs = []
        for matcher, rule in (rules or {}).items():
            if isinstance(matcher, str):
                _check(matcher, program)
            pairs.append((matcher, rule if isinstance(rule, Rule) else _function_rule(rule, matcher)))
        return RuleTable(self.by_kind, (*pairs, *self.overrides), self.method)


def _function_rule(function: Any, matcher: Matcher) -> Rule:
    if not callable(function):
        raise OptionError(
            f"rules[{matcher!r}] is a {type(function).__name__}; expected a Rule or a function "
            "(site, m) -> multipliers"
        )
    return FunctionRule(function, getattr(function, "__name__", "custom"))


def _matches(matcher: Matcher, site: Site) -> bool:
    if not isinstance(matcher, str):
        return bool(matcher(site))
    op = str(site.node.op)
    return matcher in (site.name, op, op.rsplit(".", 1)[0]) or (
        bool(site.node.module) and fnmatchcase(site.node.module, matcher)
    )


def _check(name: str, program: Program) -> None:
    ops = {str(node.op) for node in program.nodes}
    modules = {node.module for node in program.nodes if node.module}
    short = {op.split(".")[1] for op in ops} | {op.rsplit(".", 1)[0] for op in ops} | ops
    if name in short or any(fnmatchcase(module, name) for module in modules):
        return
    if hasattr(torch.ops.aten, name.removeprefix("aten.").split(".")[0]):
        return  # a known operation this model happens not to run
    near = difflib.get_close_matches(name, [*short, *modules], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise OptionError(
        f"rules name {name!r}, which is no operation and no module of this model; {hint}"
        f"modules: {', '.join(sorted(modules)) or 'none'}"
    )

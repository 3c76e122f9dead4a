"""Blame: the operation of a model at which the sum of a third-party attribution breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from taylorattr.effects.result import Result

Law: TypeAlias = Literal["difference", "output"]
"""What scores should add up to: f(x) − f(b) (difference rules), or f(x) (relevance rules, baseline 0)."""

Found: TypeAlias = Literal["found", "context", "nothing", "refused", "untraced", "itself"]
"""An operation; an operation that is right by itself and wrong in its place; none; no sub-network was taken
by the method; the model could not be taken apart; the method is wrong by itself."""

Probe: TypeAlias = Literal["whole", "suffix", "prefix", "isolated", "substitution"]
"""Part of the model: up to the output, from the input, one operation, or what follows a module."""


@dataclass(frozen=True, eq=False, repr=False)
class Cut(Result):
    """The sum of the scores on one sub-network.

    Attributes:
        probe: Which part of the model it is.
        operation: The operation at its edge: its first (suffix), its last (prefix), its only one (isolated).
        expected: What the scores should add up to, mean of |·| over the examples.
        total: What they add up to in the first example that breaks; in the first of all where none does, so
            that the numbers of neighbouring cuts are mostly those of one example.
        due: What they should add up to in that example.
        gap: Largest |total − due| over the examples, divided by the largest Σ|scores| or |due|.
        status: ``holds``, ``breaks`` or ``refused``.
        message: What the method said where it refused.
    """

    probe: Probe
    operation: str
    expected: float
    total: float
    due: float
    gap: float
    status: Literal["holds", "breaks", "refused"]
    message: str = ""

    def __repr__(self) -> str:
        """Show the numbers in one line."""
        if self.status == "refused":
            return f"{self.probe} {self.operation}: refused ({self.message})"
        return (
            f"{self.probe} {self.operation}: scores add up to {self.total:.6g}, due {self.due:.6g} "
            f"(gap {self.gap:.2g}): {self.status}"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Blame(Result):
    """Where the sum breaks.

    Attributes:
        found: ``found``, ``context`` (the operation is right by itself, wrong behind or before the others),
            ``nothing`` (every sub-network adds up), ``refused`` (the method takes no sub-network),
            ``untraced`` (the model can be taken apart neither by tracing nor between its modules) or
            ``itself`` (the method is wrong whatever the model: no operation is to blame).
        operation: The operation to look at, by module path: ``layer2.0.add``; empty where none was found.
        last: Operation named by the suffixes: the last fault on the way to the output.
        first: Operation named by the prefixes: the first fault on the way from the input.
        alone: Operations that are wrong by themselves.
        refused: Operations that the method does not take by themselves.
        law: What the scores were compared with.
        before: Sum of scores beside the sum due just behind the operation, where it still is right.
        after: The same with the operation.
        cuts: Every sub-network that was looked at.
        statement: The answer in a sentence.
        kind: What the operation is, in a word: ``ReLU``, ``residual addition``; empty where its name says it.
        weak: Whether sub-networks were made by substitution, which misses faults between branches.
    """

    found: Found
    operation: str
    last: str
    first: str
    alone: tuple[str, ...]
    refused: tuple[str, ...]
    law: Law
    before: Cut | None
    after: Cut | None
    cuts: tuple[Cut, ...]
    statement: str
    kind: str = ""
    weak: bool = False

    def __bool__(self) -> bool:
        """Whether an operation is named."""
        return bool(self.operation)

    def __repr__(self) -> str:
        """Show the sentence and the numbers before and after."""
        lines = [f"Blame: {self.statement}"]
        lines += [
            f"  {name}: {cut!r}" for name, cut in (("before", self.before), ("after", self.after)) if cut
        ]
        if self.alone:
            lines.append(f"  wrong by themselves: {', '.join(self.alone)}")
        if self.refused:
            lines.append(f"  refused: {', '.join(self.refused)}")
        if self.weak:
            lines.append("  made by replacing outputs of modules: faults between two branches can be missed")
        return "\n".join(lines)


def of_the_method(why: str, law: Law = "difference", cuts: tuple[Cut, ...] = ()) -> Blame:
    """Return that the method is wrong by itself, so that no operation is named.

    Args:
        why: In what way.
        law: What the scores were compared with.
        cuts: Sub-networks that were looked at.
    """
    return Blame(
        found="itself",
        operation="",
        last="",
        first="",
        alone=(),
        refused=(),
        law=law,
        before=None,
        after=None,
        cuts=cuts,
        statement=f"no single operation: {why}",
    )

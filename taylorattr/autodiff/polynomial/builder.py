"""Lowering: from the operations of a captured program to primitive steps.

Rules (package `rules`) are looked up by ATen overload; a rule receives the builder and the
operation's arguments, with active tensors replaced by `Slot`, and returns the slots of its results.
Composite rules call the builder with simpler operations. Every step runs once at the point of
lowering, which fixes shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch._ops import OpOverload

from taylorattr.autodiff.polynomial.ring import Block
from taylorattr.autodiff.polynomial.series import SeriesFunction
from taylorattr.autodiff.polynomial.steps import Elementwise, Frozen, Linear, Matmul, Multiply, Shape, Step
from taylorattr.errors import MissingRuleError, TaylorAttrError
from taylorattr.program.arguments import leaves, map_leaves
from taylorattr.program.operations import check
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import walk


@dataclass(slots=True, eq=False)
class Slot:
    """A value that depends on the inputs.

    Attributes:
        index: Its number in the plan.
        value: Degree 0 at the point of lowering, (1, 1, *shape).
        frozen: Whether it has no derivative (comparisons, indices).
        shape: Shape of one value.
        ndim: Its rank.
    """

    index: int
    value: Tensor
    frozen: bool
    shape: tuple[int, ...]
    ndim: int


Rule: TypeAlias = Callable[..., Any]
"""(builder, the operation's arguments, active tensors as slots) -> slot, or slots, of its results."""

RULES: dict[OpOverload, Rule] = {}
"""ATen overload -> rule(builder, *args, **kwargs)."""


def overload(name: str) -> OpOverload | None:
    """Return ``aten::name`` ("add.Tensor", "relu"), None where this torch does not have it."""
    packet_name, _, kind = name.partition(".")
    packet = getattr(torch.ops.aten, packet_name, None)
    return getattr(packet, kind or "default", None) if packet is not None else None


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register one rule for several overloads of operations that the table has."""

    def register(function: Rule) -> Rule:
        for name in names:
            check("the Taylor walk", name)
            op = overload(name)
            if op is not None:
                RULES[op] = function
        return function

    return register


class Builder:
    """Collects primitive steps; call it with an ATen name to apply that operation's rule."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.slots: list[Slot] = []
        self.node: Node | None = None
        self.label = "a composite"  # operation, module and line of the node that is being lowered

    def __call__(self, op: str | OpOverload, *args: Any, **kwargs: Any) -> Any:
        """Apply an operation to slots and constants."""
        operation = overload(op) if isinstance(op, str) else op
        active = list(leaves(Slot, (*args, *kwargs.values())))
        if operation is None:
            raise MissingRuleError(
                f"this torch has no operation aten::{op}, which the rule of {self.label} uses"
            )
        if not active:
            return operation(*args, **kwargs)
        if all(slot.frozen for slot in active):
            return self.frozen_op(operation, args, kwargs)
        function = RULES.get(operation)
        if function is None:
            raise missing(operation, self.node)
        return function(self, *args, **kwargs)

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Lower one operation of a program (the algebra of `taylorattr.program.walk.walk`).

        Args:
            node: The operation.
            args: Its positional arguments, active tensors as slots.
            kwargs: Its keyword arguments, likewise.

        Returns:
            The slot of the result, or a tuple of slots.

        Raises:
            TaylorAttrError: A :class:`MissingRuleError` if there is no rule, or torch refuses what it does.
            OutOfMemoryError: As torch raises it.
        """
        self.node, self.label = node, describe(node)
        try:
            return self(node.op, *args, **kwargs)
        except (TaylorAttrError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise self.refuse(first) from error

    def refuse(self, reason: str) -> MissingRuleError:
        """Return the error for arguments the rule does not cover."""
        return MissingRuleError(f"no Taylor rule for {self.label}: {reason}")

    def slot(self, value: Tensor, *, frozen: bool = False) -> Slot:
        """Return a new slot of a value (1, 1, *shape)."""
        slot = Slot(len(self.slots), value, frozen, shape=tuple(value.shape[2:]), ndim=value.ndim - 2)
        self.slots.append(slot)
        return slot

    def _common(self, inputs: Sequence[Slot], out: Slot) -> dict[str, Any]:
        """Return the fields that every step has."""
        return {
            "inputs": tuple(slot.index for slot in inputs),
            "out": out.index,
            "shapes": tuple(slot.shape for slot in inputs),
            "shape": out.shape,
            "label": self.label,
        }

    def linear(
        self,
        inputs: Sequence[Slot],
        push: Callable[[Sequence[Any], Any], Tensor],
        *,
        value: Callable[[Sequence[Tensor], Any], Tensor] | None = None,
        pull: Callable[[Block, Any], Sequence[Tensor | None]] | None = None,
        context: Callable[[Sequence[Tensor]], Any] | None = None,
        accepts_missing: bool = False,
    ) -> Slot:
        """Add a linear step; ``value`` defaults to ``push`` (no constant)."""
        value = value or push
        points = [slot.value for slot in inputs]
        out = self.slot(value(points, context(points) if context else None))
        common = self._common(inputs, out)
        self.steps.append(
            Linear(
                **common, value=value, push=push, pull=pull, context=context, accepts_missing=accepts_missing
            )
        )
        return out

    def elementwise(self, x: Slot, series: SeriesFunction) -> Slot:
        """Add y = φ(x)."""
        out = self.slot(series(x.value, 0)[0])
        self.steps.append(Elementwise(**self._common([x], out), series=series))
        return out

    def multiply(self, x: Slot, y: Slot) -> Slot:
        """Add y = x_1·x_2 with broadcasting; ranks are made equal first."""
        rank = max(x.ndim, y.ndim)
        x, y = (self._raise_rank(slot, rank) for slot in (x, y))
        out = self.slot(x.value * y.value)
        self.steps.append(Multiply(**self._common([x, y], out)))
        return out

    def _raise_rank(self, x: Slot, rank: int) -> Slot:
        """Return a value with ones in front of its shape: behind coefficients and examples, not before."""
        return x if x.ndim == rank else self("view", x, [1] * (rank - x.ndim) + list(x.shape))

    def matmul(self, x: Slot, y: Slot) -> Slot:
        """Add y = x_1 @ x_2 for values (P, i, k), (P, k, l)."""
        out = self.slot(torch.matmul(x.value, y.value))
        self.steps.append(Matmul(**self._common([x, y], out)))
        return out

    def frozen(self, inputs: Sequence[Slot], value: Callable[[Sequence[Tensor]], Tensor]) -> Slot:
        """Add a step without derivatives."""
        out = self.slot(value([slot.value for slot in inputs]), frozen=True)
        self.steps.append(Frozen(**self._common(inputs, out), value=value))
        return out

    def frozen_op(self, op: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Apply any operation to degree 0, example by example."""
        inputs = list(dict.fromkeys(leaves(Slot, (args, kwargs))))

        def single(points: Sequence[Tensor]) -> Any:
            by = dict(zip(inputs, points, strict=True))
            return op(*map_leaves(Slot, by.__getitem__, args), **map_leaves(Slot, by.__getitem__, kwargs))

        probe = single([slot.value[0, 0] for slot in inputs])
        if isinstance(probe, Tensor):
            return self.frozen(inputs, _each_example(single))
        return tuple(
            self.frozen(inputs, _each_example(lambda points, i=i: single(points)[i]))
            for i in range(len(probe))
        )


def _each_example(single: Callable[[Sequence[Tensor]], Tensor]) -> Callable[[Sequence[Tensor]], Tensor]:
    """Return a function of one example as one of blocks of degree 0, (1, E, …).

    A loop and no `torch.vmap`, which has no rule for many operations on indices. A value that all examples
    share has E = 1.
    """

    def value(points: Sequence[Tensor]) -> Tensor:
        count = max(point.shape[1] for point in points)
        rows = [single([p[0, min(e, p.shape[1] - 1)] for p in points]) for e in range(count)]
        return torch.stack(rows)[None]

    return value


def describe(node: Node) -> str:
    """Return "aten.op in module at file:line"."""
    module = f" in module '{node.module}'" if node.module else ""
    return f"{node.op}{module}" + (f" at {node.where}" if node.where else "")


def missing(op: OpOverload, node: Node | None) -> MissingRuleError:
    """Return the error for an operation without a rule."""
    inside = f", needed by {describe(node)}" if node is not None and node.op is not op else ""
    where = describe(node) if node is not None and node.op is op else str(op)
    return MissingRuleError(
        f"no Taylor rule for {where}{inside}; use engine='nested' (slow), or write the model with "
        "operations that have a rule"
    )


@dataclass
class Plan:
    """A program lowered to primitive steps.

    Attributes:
        inputs: Slots of the program's inputs.
        input_shapes: Their value shapes.
        steps: In order of execution.
        output: Slot of the result, value shape (1,).
        last_use: For each step, slots not needed afterwards.
        sizes: Number of entries of each slot's value.
        live: Largest number of entries alive at once in a forward walk.
        stored: Number of entries of all operands of nonlinear steps.
        widest: Number of entries of the largest value.
        smooth: Number of entries of all results of elementwise steps.
    """

    inputs: tuple[int, ...]
    input_shapes: tuple[Shape, ...]
    steps: list[Step]
    output: int
    last_use: list[tuple[int, ...]]
    sizes: dict[int, int]
    live: int = field(init=False)
    stored: int = field(init=False)
    widest: int = field(init=False)
    smooth: int = field(init=False)

    def __post_init__(self) -> None:
        """Count the entries that a walk holds, from which its memory is estimated."""
        alive = most = sum(self.sizes[index] for index in self.inputs)
        for step, finished in zip(self.steps, self.last_use, strict=True):
            alive += self.sizes[step.out]
            most = max(most, alive)
            alive -= sum(self.sizes[index] for index in finished)
        self.live = most
        self.widest = max((self.sizes[step.out] for step in self.steps), default=1)
        self.smooth = sum(self.sizes[step.out] for step in self.steps if isinstance(step, Elementwise))
        nonlinear = (step for step in self.steps if not isinstance(step, (Linear, Frozen)))
        self.stored = sum(self.sizes[i] for i in {i for step in nonlinear for i in step.inputs})


def lower(program: Program, inputs: Sequence[Tensor]) -> Plan:
    """Lower a program to primitive steps.

    Args:
        program: Captured at batch size 1, promoted to the dtype of the inputs.
        inputs: A point of the program, shapes as captured.

    Returns:
        The plan, valid at every point.

    Raises:
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """
    builder = Builder()
    entries = tuple(builder.slot(point.detach()[None, None]) for point in inputs)
    output = walk(program, entries, builder)
    if isinstance(output, Tensor):
        # the model does not read its inputs: a step that forgets them keeps the number of examples
        constant = output[None, None]
        output = builder.frozen(entries[:1], lambda points: constant.expand(1, points[0].shape[1], -1))
    return _finish(builder, entries, output)


def _finish(builder: Builder, entries: tuple[Slot, ...], output: Slot) -> Plan:
    """Drop steps the output does not need and note the last use of every slot."""
    needed, steps = {output.index}, []
    for step in reversed(builder.steps):
        if step.out in needed:
            needed.update(step.inputs)
            steps.append(step)
    steps.reverse()
    # from the end: the first step that reads a slot is the last to do so; the output is read after all
    read_later: set[int] = {output.index}
    last_use: list[tuple[int, ...]] = []
    for step in reversed(steps):
        finished = tuple(index for index in dict.fromkeys(step.inputs) if index not in read_later)
        read_later.update(finished)
        last_use.append(finished)
    last_use.reverse()
    return Plan(
        inputs=tuple(slot.index for slot in entries),
        input_shapes=tuple(slot.shape for slot in entries),
        steps=steps,
        output=output.index,
        last_use=last_use,
        sizes={slot.index: slot.value.numel() for slot in builder.slots},
    )

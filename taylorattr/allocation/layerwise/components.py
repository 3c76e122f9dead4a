"""A model as affine maps, one-input activations and maxima: what a layer-wise rule is chained through.

An operation of the captured program is lowered to primitive steps on its own, so that its kind, its values,
its linear part, the transpose of that and the Taylor series of its activation all come from one place. Values
have shape (1, E, …): E examples, then the shape at batch size 1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial import rules as _taylor_rules  # noqa: F401 -- registers the operations
from taylorattr.autodiff.polynomial.builder import Builder, Slot
from taylorattr.autodiff.polynomial.ring import Ring
from taylorattr.autodiff.polynomial.series import SeriesFunction
from taylorattr.autodiff.polynomial.steps import (
    Elementwise,
    Frozen,
    Linear,
    Step,
    pull_by_autograd,
)
from taylorattr.autodiff.polynomial.walks import advance
from taylorattr.errors import BudgetError, MissingRuleError
from taylorattr.program.arguments import Arguments, leaves, named
from taylorattr.program.layers import with_biases_at
from taylorattr.program.operations import Kind, only_adds_up, operation_of
from taylorattr.program.program import Node, Program
from taylorattr.program.refusals import BY_KIND, BY_NAME
from taylorattr.program.walk import walk
from taylorattr.program.written_out import without_formulas

Values: TypeAlias = dict[int, Tensor]
"""Slot -> value (1, E, …)."""

AFFINE: frozenset[Kind] = frozenset({"move", "scale", "sum", "weights"})
"""Kinds of components that are affine in what they read."""

MATRIX_ENTRIES = 1 << 26
"""Largest weight matrix that is written out: 512 MiB in float64."""

_ONE = Ring(1)


@dataclass(eq=False)
class Component:
    """One operation of the program.

    Attributes:
        node: Where it stands.
        steps: Its primitive steps.
        inputs: Slots it reads that depend on the inputs differentiably, each once.
        choices: Frozen slots it reads (winners found by another operation).
        outs: Slots others may read.
        arguments: Its arguments by name, constants as tensors.
        kind: What it is in this network; ``switch`` where the result has no derivative.
        normalises: Whether it is a BatchNorm, several operations of the program taken together.
    """

    node: Node
    steps: list[Step]
    inputs: tuple[int, ...]
    choices: tuple[int, ...]
    outs: tuple[int, ...]
    arguments: Arguments
    kind: Kind
    normalises: bool = False

    @property
    def name(self) -> str:
        """ATen name without overload."""
        if self.normalises:
            return "batch_norm"
        return self.node.name

    @property
    def affine(self) -> bool:
        """Whether it is affine in what it reads."""
        return self.kind in AFFINE

    @property
    def entrywise(self) -> bool:
        """Whether every entry of its result depends on one entry of each thing it reads."""
        row = operation_of(self.node)
        return self.normalises or (row is not None and row.entrywise)

    @property
    def place(self) -> str:
        """Component, module and line, for messages."""
        where = f" in module '{self.node.module}'" if self.node.module else ""
        return f"{self.name}{where}" + (f" at {self.node.where}" if self.node.where else "")

    @property
    def out(self) -> int:
        """The slot of its result."""
        return self.outs[0]

    @property
    def series(self) -> SeriesFunction:
        """Taylor series of a unit."""
        (step,) = [s for s in self.steps if isinstance(s, Elementwise)]
        return step.series

    def run(self, values: Mapping[int, Tensor], frozen: Mapping[int, Tensor] | None = None) -> Values:
        """Return the values of its steps.

        Args:
            values: Values of what it reads.
            frozen: Results of its own comparisons and winners, where those of another point are imposed.
        """
        known = dict(values)
        for step in self.steps:
            if frozen is not None and isinstance(step, Frozen) and step.out in frozen:
                known[step.out] = frozen[step.out]
                continue
            operands: list[Any] = [[known[i]] for i in step.inputs]
            result = advance(step, _ONE, operands, 0)[0]
            assert result is not None
            known[step.out] = result
        return known

    def push(
        self, blocks: Mapping[int, Tensor], values: Mapping[int, Tensor], out: int | None = None
    ) -> Tensor:
        """Return the linear part applied to blocks (C, E, …) at some of the inputs, 0 at the others.

        Args:
            blocks: Slot -> block.
            values: Where winners and masks are read.
            out: Slot of the result; None: the first.
        """
        wanted = self.out if out is None else out
        moved: dict[int, Tensor | None] = dict(blocks)
        like = next(iter(blocks.values()))
        for step in self.steps:
            if not isinstance(step, Linear):
                continue
            present = [moved.get(i) for i in step.inputs]
            if all(p is None for p in present):
                continue
            if not step.accepts_missing:
                present = [
                    like.new_zeros((*like.shape[:2], *shape)) if p is None else p
                    for p, shape in zip(present, step.shapes, strict=True)
                ]
            moved[step.out] = step.push(present, _context(step, values))
        result = moved.get(wanted)
        shape = values[wanted].shape[2:]
        return like.new_zeros((*like.shape[:2], *shape)) if result is None else result

    def pull(self, above: Mapping[int, Tensor], values: Mapping[int, Tensor]) -> Values:
        """Return the transpose of the linear part applied to blocks (C, E, …) at its results.

        Args:
            above: Slot of a result -> block.
            values: Where winners and masks are read.
        """
        total: Values = dict(above)
        for step in reversed(self.steps):
            block = total.pop(step.out, None)
            if block is None or not isinstance(step, Linear):
                continue
            context = _context(step, values)
            pulled = step.pull(block, context) if step.pull is not None else None
            if pulled is None:
                pulled = pull_by_autograd(step, block, context)
            for index, part in zip(step.inputs, pulled, strict=True):
                if part is not None:
                    total[index] = total[index] + part if index in total else part
        return {i: total[i] for i in self.inputs if i in total}

    def signs(self, slot: int, values: Mapping[int, Tensor], out: int | None = None) -> Tensor:
        """Return sgn W1 for one input: of an unweighted operation no row has entries of both signs."""
        ones = torch.ones_like(values[slot])
        return self.push({slot: ones}, values, out).sign()

    def matrix(self, values: Mapping[int, Tensor]) -> Tensor:
        """Return W of a weighted sum of one operand, shape (outputs, inputs).

        Raises:
            BudgetError: If it has too many entries.
        """
        (slot,) = self.inputs
        shape = values[slot].shape[2:]
        size, results = shape.numel(), values[self.out][0, 0].numel()
        if size * results > MATRIX_ENTRIES:
            raise BudgetError(
                f"{self.place}: the positive and negative weights of {size} × {results} connections would be "
                f"written out, more than {MATRIX_ENTRIES}; use deeplift_rescale or lrp_epsilon, which need "
                "only transposes, or analyse a part of the network"
            )
        identity = torch.eye(size, dtype=values[slot].dtype, device=values[slot].device)
        columns = self.push({slot: identity.reshape(size, 1, *shape)}, values)
        return columns.reshape(size, results).T


def _context(step: Linear, values: Mapping[int, Tensor]) -> Any:
    return step.context([values[i] for i in step.inputs]) if step.context is not None else None


@dataclass(eq=False)
class Network:
    """A program as operations.

    Attributes:
        inputs: Slots of the inputs.
        output: Slot of the result, value shape (1,).
        operations: In order of execution.
        readers: Slot -> how many operations read it.
        makers: Slot -> the operation it is a result of.
    """

    inputs: tuple[int, ...]
    output: int
    operations: list[Component]
    readers: dict[int, int]
    makers: dict[int, Component]

    def values(self, point: Sequence[Tensor]) -> Values:
        """Return every value at a point, tensors (E, …)."""
        known: Values = {slot: x[None, :, None] for slot, x in zip(self.inputs, point, strict=True)}
        for operation in self.operations:
            known = operation.run(known)
        return known


def network(program: Program, point: Sequence[Tensor], batch_norms: Collection[str] = frozenset()) -> Network:
    """Return a program's operations.

    Args:
        program: Captured at batch size 1.
        point: Tensors (1, …), for the shapes.
        batch_norms: Paths of the BatchNorm modules, each one operation.

    Raises:
        MissingRuleError: If an operation is neither affine, nor a function of one value, nor a maximum.
    """
    # composite operations as their formulas, biases inside their layers, as relevance records them: the two
    # are compared sum by sum
    program = with_biases_at(without_formulas(program, point), point, batch_norms)
    grouping = _Grouping(program, batch_norms)
    entries = tuple(grouping.builder.slot(x.detach()[None, None]) for x in point)
    output = walk(program, entries, grouping)
    if not isinstance(output, Slot):
        raise MissingRuleError("the output does not depend on the inputs; there is nothing to share")
    operations = [o for o in grouping.operations if o.steps]
    readers: dict[int, int] = {output.index: 1}
    makers: dict[int, Component] = {}
    for operation in operations:
        for slot in operation.inputs:
            readers[slot] = readers.get(slot, 0) + 1
        makers.update(dict.fromkeys(operation.outs, operation))
    return Network(tuple(e.index for e in entries), output.index, operations, readers, makers)


class _Grouping:
    """Lowers node by node and keeps the steps of each together."""

    def __init__(self, program: Program, batch_norms: Collection[str]) -> None:
        self.builder = Builder()
        self.constants, self.learned = program.constants, program.learned
        self.batch_norms = batch_norms
        self.operations: list[Component] = []

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Lower one operation and say what it is."""
        start = len(self.builder.steps)
        result = self.builder.apply(node, args, kwargs)
        steps = self.builder.steps[start:]
        normalises = node.module in self.batch_norms
        last = self.operations[-1] if self.operations else None
        if normalises and last is not None and last.normalises and last.node.module == node.module:
            steps = [*self.operations.pop().steps, *steps]
        made = {step.out for step in steps}
        read = dict.fromkeys(i for step in steps for i in step.inputs if i not in made)
        frozen = {slot.index for slot in self.builder.slots if slot.frozen}
        outs = tuple(slot.index for slot in leaves(Slot, result) if slot.index in made)
        component = Component(
            node,
            steps,
            tuple(i for i in read if i not in frozen),
            tuple(i for i in read if i in frozen),
            outs,
            named(node.op, args, kwargs),
            "move",
            normalises,
        )
        if steps:
            component.kind = self._kind(component, frozen)
        self.operations.append(component)
        return result

    def _kind(self, component: Component, frozen: set[int]) -> Kind:
        """Return what the table of operations says a component is, as it is used here.

        Raises:
            MissingRuleError: If the methods have no one-layer ratio for it; says why.
        """
        steps, node = component.steps, component.node
        if component.normalises:
            return "sum"
        if all(step.out in frozen for step in steps):
            return "switch"
        row = operation_of(node)
        moving = [
            name
            for name, value in component.arguments.items()
            if any(slot.index in component.inputs for slot in leaves(Slot, value))
        ]
        kind = row.kind_in_use(moving, bool(component.choices)) if row is not None else None
        if kind == "weights" and only_adds_up(node, moving, self.constants, self.learned):
            kind = "sum"
        if kind == "unit" and len(steps) == 1 and isinstance(steps[0], Elementwise):
            return kind
        if kind == "maximum" or (
            kind in AFFINE and all(isinstance(step, Linear) and step.context is None for step in steps)
        ):
            return kind
        reason = BY_NAME["layerwise"].get(component.name) or BY_KIND["layerwise"].get(kind or "")
        raise MissingRuleError(
            f"no layer-wise ratio for {component.place}: "
            f"{reason or 'it is neither affine, nor a function of one value, nor a maximum'}; "
            "ta.attribute has a rule for it, without a reformulation"
        )

"""One spelling of a layer: a bias that torch adds by an operation of its own becomes part of the layer.

torch runs one ``nn.Linear`` as ``addmm`` or as ``mm`` and ``add``, by the strides of its input and so by the
size of the batch; people write ``x @ w.T + b``, ``einsum(...) + b`` or a convolution and a sum. Rules that
treat a bias specially (α–β, γ, w², z^B, the ε of every sum, folding) must not tell these apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.program.arguments import named, operands, results, with_last_uses
from taylorattr.program.operations import only_adds_up, operation_of
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.walk import values_at

aten = torch.ops.aten

_WITH_BIAS: dict[str, tuple[Any, str, str]] = {
    "mm": (aten.addmm.default, "self", "mat2"),
    "bmm": (aten.baddbmm.default, "self", "mat2"),
    "mv": (aten.addmv.default, "self", "vec"),
    "addmm": (aten.addmm.default, "mat1", "mat2"),
    "baddbmm": (aten.baddbmm.default, "batch1", "batch2"),
    "addmv": (aten.addmv.default, "mat", "vec"),
}
"""Product -> the operation that adds a constant too, names of the two factors."""


@dataclass
class _Step:
    """One operation between a product and the sum: how it moves entries, back and as it is.

    Attributes:
        node: The operation.
        back: From the shape of its result to that of its operand.
    """

    node: Node
    back: Callable[[Tensor], Tensor]


def with_biases(program: Program, kept: frozenset[str] = frozenset(), apart: Collection[str] = ()) -> Program:
    """Return a program with values in which every constant added to a layer's result is the layer's bias.

    A layer is a product or a convolution with constant weights. Between it and the sum there may be
    rearrangements and other added constants, each read by nobody else. The constant must be one number per
    output unit of the layer: a positional embedding, or a number per example, is none.

    Args:
        program: Recorded with its values, composite operations written out.
        kept: Names of operations that the user gave a rule; they stay as they are.
        apart: Paths of modules whose sums stay as they are.

    Returns:
        A program whose values are those of its operations; the same one where there is nothing to do.
    """
    if not any(_added(node, program) for node in program.nodes):
        return program
    writer = _Absorber(program, kept)
    for node in program.nodes:
        if node.module in apart or not writer.absorb(node):
            writer.append(node)
    if not writer.changed:
        return program
    return replace(
        program,
        nodes=with_last_uses(writer.nodes, program.output.index, writer.constants),
        constants=writer.constants,
        values=writer.values,
        learned=frozenset(writer.learned),
        plan=None,
    )


def with_biases_at(program: Program, point: Sequence[Tensor], apart: Collection[str]) -> Program:
    """Return the same of a program without values, recorded in the shapes and dtype of a point."""
    if not any(node.name in ("add", "sub") for node in program.nodes):
        return program
    valued = replace(program, values=values_at(program, point), plan=None)
    return replace(with_biases(valued, apart=apart), values={}, lowered=None)


class _Absorber:
    """Collects the operations, constants and values of the new program."""

    def __init__(self, program: Program, kept: frozenset[str]) -> None:
        self.program = program
        self.kept = kept
        self.nodes: list[Node] = []
        self.constants = dict(program.constants)
        self.values = dict(program.values)
        self.learned = set(program.learned)
        self.changed = False
        self._active = frozenset(program.values)
        self._makers: dict[int, int] = {}  # value number -> position in nodes
        self._reads = Counter(i for node in program.nodes for i in operands(node))
        self._reads[program.output.index] += 1
        self._next = 1 + max([*program.values, *program.constants, *program.sources])

    def append(self, node: Node) -> None:
        """Keep an operation as it is."""
        for i in results(node):
            self._makers[i] = len(self.nodes)
        self.nodes.append(node)

    def absorb(self, node: Node) -> bool:
        """Make the constant that a sum adds a layer's bias; return whether that was possible."""
        added = _added(node, self.program)
        if added is None or node.name in self.kept or not isinstance(node.out, Ref):
            return False
        index, constant, factor = added
        value = self.values[index]
        if self.values[node.out.index].shape != value.shape or self._reads[index] != 1:
            return False
        if isinstance(constant, Ref):
            if constant.index in self.program.unshared:
                return False
            bias = self.constants[constant.index].to(value) * factor
        else:
            bias = torch.as_tensor(constant * factor, dtype=value.dtype, device=value.device)
        path = self._path(index)
        if path is None:
            return False
        steps, position = path
        c = bias.expand(value.shape)
        shifts = [c]
        for step in steps:
            c = step.back(c)
            shifts.append(c)
        layer = self._layer(self.nodes[position], c)
        if layer is None:
            return False
        places = [position, *(self._makers[results(step.node)[0]] for step in reversed(steps))]
        self.nodes[position] = layer
        for place, shift in zip(places[:-1], shifts[:0:-1], strict=True):
            (number,) = results(self.nodes[place])
            self.values[number] = self.values[number] + shift
        last = self.nodes[places[-1]]
        (gone,) = results(last)
        del self.values[gone], self._makers[gone]
        self.nodes[places[-1]] = replace(last, out=node.out)
        self._makers[node.out.index] = places[-1]
        self.changed = True
        return True

    def _path(self, index: int) -> tuple[list[_Step], int] | None:
        """Return the operations from a value back to the layer behind it, and the layer's position."""
        steps: list[_Step] = []
        while (position := self._makers.get(index)) is not None:
            node = self.nodes[position]
            if not isinstance(node.out, Ref) or node.name in self.kept:
                return None
            if node.name in _WITH_BIAS or node.name == "convolution":
                return steps, position
            read = [i for i in operands(node) if i in self._active]
            if len(read) != 1 or self._reads[read[0]] != 1:
                return None
            back = _back(node, self.values[read[0]].shape, self.values[index].shape)
            if back is None and _added(node, self.program) is not None:
                same = self.values[read[0]].shape == self.values[index].shape
                back = (lambda c: c) if same else None
            if back is None:
                return None
            steps.append(_Step(node, back))
            (index,) = read
        return None

    def _layer(self, node: Node, c: Tensor) -> Node | None:
        """Return a layer that adds c too, None where it is no layer or c is not one number per unit."""
        a = named(node.op, node.args, node.kwargs)
        moving = [name for name, value in a.items() if isinstance(value, Ref) and value.index in self._active]
        row = operation_of(node)
        if row is None or len(moving) != 1 or row.kind_in_use(moving, False) != "weights":
            return None
        if only_adds_up(node, moving, self.constants, self.learned):
            return None
        name = node.name
        if name == "convolution":
            bias = _by_unit(c, {1})
            if bias is None or moving != ["input"]:
                return None
            bias = bias.reshape(-1)
            if a["bias"] is not None:
                bias = self.constants[a["bias"].index] + bias
            return replace(node, args=(*node.args[:2], self._filed(bias), *node.args[3:]))
        op, left, right = _WITH_BIAS[name]
        if moving == [left]:  # the weights on the right
            weights, units = self.constants[a[right].index], {c.dim() - 1} if c.dim() > 1 else set()
        elif moving == [right]:
            weights, units = self.constants[a[left].index], {max(c.dim() - 2, 0)}
        else:
            return None
        if c.dim() == 3 and _differ(weights):
            units.add(0)  # a layer for each entry of the batch dimension: experts, heads
        bias = _by_unit(c, units)
        if bias is None:
            return None
        kwargs = {key: value for key, value in node.kwargs.items() if key != "beta"}
        if name in ("addmm", "baddbmm", "addmv"):
            bias = self.constants[a["self"].index] * a["beta"] + bias
        return replace(node, op=op, args=(self._filed(bias), a[left], a[right]), kwargs=kwargs)

    def _filed(self, constant: Tensor) -> Ref:
        number, self._next = self._next, self._next + 1
        self.constants[number] = constant
        self.learned.add(number)
        return Ref(number)


def _added(node: Node, program: Program) -> tuple[int, Ref | float, float] | None:
    """Return the value, the constant and its factor where an operation adds a constant to a value."""
    name = node.name
    if name not in ("add", "sub"):
        return None
    a = named(node.op, node.args, node.kwargs)
    value, constant, factor = a["self"], a["other"], a.get("alpha", 1)
    if name == "sub":
        factor = -factor
    elif _is_constant(value, program) and factor == 1:
        value, constant = constant, value
    if not isinstance(value, Ref) or value.index not in program.values or not _is_constant(constant, program):
        return None
    if isinstance(constant, Ref) and not program.constants[constant.index].is_floating_point():
        return None
    return value.index, constant, factor


def _is_constant(value: Any, program: Program) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, Ref) and value.index in program.constants)


_RESHAPES = frozenset("view _unsafe_view reshape _reshape_alias squeeze unsqueeze flatten unflatten".split())
_COPIES = frozenset("alias clone contiguous detach".split())


def _back(node: Node, before: torch.Size, after: torch.Size) -> Callable[[Tensor], Tensor] | None:
    """Return the inverse of a rearrangement that keeps every entry once, None for other operations."""
    name = node.name
    one = name in ("select", "slice") and before.numel() == after.numel()  # of a dimension of size 1, or all
    if name in _RESHAPES or one:
        return lambda c: c.reshape(before)
    if name in _COPIES or (name == "expand" and before == after):
        return lambda c: c
    if name == "t":
        return lambda c: c.t()
    a: Mapping[str, Any] = named(node.op, node.args, node.kwargs)
    if name == "transpose":
        return lambda c: c.transpose(a["dim0"], a["dim1"])
    if name == "permute":
        dims = [d % len(before) for d in a["dims"]]
        order = sorted(range(len(dims)), key=dims.__getitem__)
        return lambda c: c.permute(order)
    return None


def _differ(weights: Tensor) -> bool:
    """Whether the matrices along the first dimension are not one matrix repeated."""
    return weights.stride(0) != 0 and not bool((weights == weights[:1]).all())


def _by_unit(c: Tensor, units: set[int]) -> Tensor | None:
    """Return c with size 1 everywhere but along the dimensions of units, None where it varies elsewhere."""
    small = c
    for d in range(c.dim()):
        if d not in units:
            small = small.narrow(d, 0, 1)
    if not bool((c == small).all()):
        return None
    return small.contiguous()

"""Record a function and write its composite operations out by their formulas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.errors import MissingRuleError
from taylorattr.program.arguments import map_leaves, named, operands, results, with_last_uses
from taylorattr.program.complex_pairs import Pair, on_pairs, pair_of
from taylorattr.program.formulas import FORMULAS
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.record import record
from taylorattr.program.walk import values_at

aten = torch.ops.aten


def record_written_out(
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    *,
    module: nn.Module | None = None,
    kept: frozenset[str] = frozenset(),
) -> Program:
    """Record a function with every value kept and real, composite operations replaced by their formulas.

    Args:
        function: Function of the inputs returning one tensor.
        inputs: The point.
        module: The module whose submodules name the operations.
        kept: Names of operations that stay as they are, for a rule of the user's.

    Returns:
        The program; values of the user's own operations are as recorded.
    """
    program = record(function, inputs, module=module, keep_values=True, whole=kept)
    return written_out(in_reals(program), kept)


def without_formulas(program: Program, point: Sequence[Tensor], left: Collection[str] = ()) -> Program:
    """Return a program without values in which operations are replaced by what they are made of.

    Args:
        program: Any program.
        point: One tensor per input, of the shapes and dtype the program was captured with.
        left: Names of operations that stay as they are.

    Returns:
        A program that holds wherever the given one does; the same one where there is nothing to replace.
    """
    if not any(node.name in FORMULAS and node.name not in left for node in program.nodes):
        return program
    valued = replace(program, values=values_at(program, point), plan=None)
    return replace(written_out(valued, frozenset(left)), values={}, lowered=None)


def written_out(program: Program, kept: frozenset[str] = frozenset()) -> Program:
    """Return a program with values in which operations of `FORMULAS` are replaced by what they are made of.

    Args:
        program: Recorded with its values.
        kept: Names of operations that stay as they are.

    Returns:
        A new program; the same one where there is nothing to replace.
    """
    replaced = [_has_formula(node, program) and node.name not in kept for node in program.nodes]
    if not any(replaced):
        return program
    numbers = [*program.values, *program.constants, *program.sources]
    writer = _Writer(program, 1 + max(numbers))
    for node, expands in zip(program.nodes, replaced, strict=True):
        if expands:
            writer.expand(node)
        else:
            writer.nodes.append(node)
    nodes = with_last_uses(writer.nodes, program.output.index, writer.constants)
    return replace(
        program,
        nodes=nodes,
        constants=writer.constants,
        values=writer.values,
        learned=frozenset(writer.learned),
        plan=None,
    )


def in_reals(program: Program) -> Program:
    """Return a program with values in which every complex value stands as its two parts.

    Args:
        program: Recorded with its values.

    Returns:
        A new program; the same one where nothing complex depends on the inputs.

    Raises:
        MissingRuleError: If an operation on complex values is not written in parts; names module and line.
    """
    found = {i for i, value in program.values.items() if value.is_complex()}
    if not found:
        return program
    writer = _Writer(program, 1 + max([*program.values, *program.constants, *program.sources]))
    for node in program.nodes:
        if found.isdisjoint((*operands(node), *results(node))):
            writer.nodes.append(node)
        else:
            writer.expand_complex(node)
    return replace(
        program,
        nodes=with_last_uses(writer.nodes, program.output.index, writer.constants),
        constants=writer.constants,
        values={i: value for i, value in writer.values.items() if i not in found},
        learned=frozenset(writer.learned),
        plan=None,
    )


class _Writer:
    """Collects nodes, constants and values, numbering new ones from a start."""

    def __init__(self, program: Program, start: int) -> None:
        self.nodes: list[Node] = []
        self.constants = dict(program.constants)
        self.values = dict(program.values)
        self.learned = set(program.learned)
        self._pairs: dict[int, tuple[int, int]] = {}  # complex value -> its parts
        self._next = start
        self._read = {i for node in program.nodes for i in operands(node)} | {program.output.index}

    def expand(self, node: Node) -> None:
        """Write one operation out, result by result."""
        outs = (node.out,) if isinstance(node.out, Ref) else node.out
        left: list[Ref | None] = []
        for k, out in enumerate(outs):
            if out is None or out.index not in self._read:
                left.append(None)
            elif self.values[out.index].is_floating_point():
                left.append(None)
                self._write(node, k, out)
            else:
                left.append(out)
        if any(ref is not None for ref in left):
            self.nodes.append(replace(node, out=tuple(left)))

    def _write(self, node: Node, result: int, out: Ref) -> None:
        """Write the formula of one result."""
        active = [i for i in dict.fromkeys(operands(node)) if i in self.values]

        def function(*xs: Tensor) -> Tensor:
            given = dict(zip(active, xs, strict=True))

            def tensor(ref: Ref) -> Tensor:
                return given[ref.index] if ref.index in given else self.constants[ref.index]

            args, kwargs = map_leaves(Ref, tensor, (node.args, node.kwargs))
            found = _evaluate(node, args, kwargs)
            return found[result] if isinstance(found, tuple) else found

        self._inline_as(node, active, function, out)

    def expand_complex(self, node: Node) -> None:
        """Write an operation that reads or makes complex values in their parts.

        Raises:
            MissingRuleError: If it is not known in parts.
        """
        pairs = dict(self._pairs)
        for i in operands(node):
            if i in self.constants and self.constants[i].is_complex() and i not in pairs:
                parts = pair_of(self.constants[i])
                pairs[i] = self._new_constant(parts.re, i), self._new_constant(parts.im, i)
        parts_read = [j for i in dict.fromkeys(operands(node)) for j in pairs.get(i, (i,))]
        active = [j for j in dict.fromkeys(parts_read) if j in self.values]
        outs = (node.out,) if isinstance(node.out, Ref) else node.out
        for k, out in enumerate(outs):
            if out is None or out.index not in self._read:
                continue

            def function(*xs: Tensor, k: int = k, part: str = "") -> Tensor:
                given = self.constants | dict(zip(active, xs, strict=True))

                def tensor(ref: Ref) -> Any:
                    if ref.index not in pairs:
                        return given[ref.index]
                    return Pair(*(given[j] for j in pairs[ref.index]))

                args, kwargs = map_leaves(Ref, tensor, (node.args, node.kwargs))
                found = on_pairs(node.op, args, kwargs)
                found = found[k] if isinstance(found, tuple) else found
                return getattr(found, part) if part else found

            try:
                if self.values[out.index].is_complex():
                    re, im = (
                        self._inline(node, active, functools.partial(function, part=part))
                        for part in ("re", "im")
                    )
                    self._pairs[out.index] = re, im
                else:
                    self._inline_as(node, active, function, out)
            except MissingRuleError as error:
                place = f"(module '{node.module}', {node.where or 'no source line'})"
                raise MissingRuleError(f"no relevance rule at {node.op} {place}: {error}") from None

    def _new_constant(self, value: Tensor, source: int) -> int:
        """File a part of a constant; return its number."""
        number, self._next = self._next, self._next + 1
        self.constants[number] = value
        if source in self.learned:
            self.learned.add(number)
        return number

    def _inline_as(self, node: Node, active: list[int], function: Callable[..., Tensor], out: Ref) -> None:
        """Write the operations of a function whose result has a number already."""
        source = self._inline(node, active, function, out.index)
        if source != out.index:
            self.nodes.append(replace(node, op=aten.alias.default, args=(Ref(source),), kwargs={}, out=out))

    def _inline(
        self, node: Node, active: list[int], function: Callable[..., Tensor], out: int | None = None
    ) -> int:
        """Write the operations of a function.

        Args:
            node: The operation that it stands for.
            active: Numbers of its arguments.
            function: Tensors to one tensor.
            out: Number of its result, if it has one and is neither an argument nor a constant.

        Returns:
            Number of its result.
        """
        weighs = not self.learned.isdisjoint(operands(node))  # so do the constants of its formula
        inner = record_written_out(function, [self.values[i] for i in active])
        number = {ref.index: i for ref, i in zip(inner.inputs, active, strict=True)}
        if inner.output.index in number or inner.output.index in inner.constants:
            return self._number_of(inner, inner.output.index, number, weighs)
        if out is not None:
            number[inner.output.index] = out

        def renamed(ref: Ref) -> Ref:
            return Ref(self._number_of(inner, ref.index, number, weighs))

        for step in inner.nodes:
            args, kwargs, made = map_leaves(Ref, renamed, (step.args, step.kwargs, step.out))
            self.nodes.append(
                replace(step, args=args, kwargs=kwargs, out=made, module=node.module, where=node.where)
            )
        return number[inner.output.index]

    def _number_of(self, inner: Program, index: int, number: dict[int, int], weighs: bool) -> int:
        """The number of an inner value here; new ones are filed."""
        if index not in number:
            number[index] = self._next
            self._next += 1
            if index in inner.constants:
                self.constants[number[index]] = inner.constants[index]
                if weighs:
                    self.learned.add(number[index])
            else:
                self.values[number[index]] = inner.values[index]
        return number[index]


def _evaluate(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = node.name
    if name in ("smooth_l1_loss", "huber_loss"):
        a = named(node.op, args, kwargs)
        width = a["delta"] if name == "huber_loss" else a["beta"]
        return FORMULAS[name](a["self"], a["target"], a["reduction"], width, huber=name == "huber_loss")
    return FORMULAS[name](*args, **kwargs)


def _has_formula(node: Node, program: Program) -> bool:
    """Whether an operation is to be written out as it is used here."""
    name = node.name
    if name not in FORMULAS:
        return False
    if not any(program.values[i].is_floating_point() for i in results(node) if i in program.values):
        return False
    a = named(node.op, node.args, node.kwargs)
    if name == "linalg_vector_norm":
        return a["ord"] != 2
    if name in ("smooth_l1_loss", "huber_loss"):  # written out, it is a function of the difference alone
        return a["reduction"] != 0 or not _is_zero(a["target"], program)
    if name in ("clamp", "clamp_min", "clamp_max"):
        bounds = (a.get("min"), a.get("max"))
        return any(isinstance(bound, Ref) and bound.index in program.values for bound in bounds)
    return True


def _is_zero(value: Any, program: Program) -> bool:
    constant = program.constants.get(value.index) if isinstance(value, Ref) else None
    return constant is not None and not bool(constant.any())

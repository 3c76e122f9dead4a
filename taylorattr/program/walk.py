"""The one loop over a captured program: forwards, Taylor arithmetic and relevance plug in an algebra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

import torch
from torch import Tensor

from taylorattr.errors import ShapeError
from taylorattr.program.arguments import leaves, map_leaves
from taylorattr.program.program import Node, Program, Ref

aten = torch.ops.aten


class Algebra(Protocol):
    """What a walk does at each operation."""

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the value of the operation, or a sequence of values where it has several results.

        Args:
            node: The operation.
            args: Its positional arguments; values that depend on the inputs are the algebra's own,
                constants are tensors, the rest is literal.
            kwargs: Its keyword arguments, likewise.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Call:
    """One node with the look-up of its arguments prepared, so that a walk does not search them for `Ref`.

    Attributes:
        node: The operation.
        pull: Values by number -> the positional arguments.
        kwargs: Keyword arguments, if none of them is a value of the program.
        pull_kwargs: Values by number -> the keyword arguments, if some are.
        out: Number of its only result.
        outs: Number of each result that is used, and its position among several.
        last_use: Numbers of values that no later node reads.
    """

    node: Node
    pull: Callable[[list[Any]], tuple[Any, ...]]
    kwargs: dict[str, Any]
    pull_kwargs: Callable[[list[Any]], dict[str, Any]] | None
    out: int
    outs: tuple[tuple[int, int], ...] | None
    last_use: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A program ready to be walked: constants and literal arguments in their slots, one call per node."""

    template: list[Any]
    calls: list[_Call]


def walk(program: Program, inputs: Sequence[Any], algebra: Algebra) -> Any:
    """Run a program, every operation replaced by what an algebra makes of it.

    Args:
        program: A captured program.
        inputs: One value of the algebra per input of the program.
        algebra: Applied to each node in order.

    Returns:
        The algebra's value of the program's output; the constant tensor where it does not depend on
        the inputs.

    Raises:
        ShapeError: If the number of inputs differs from the program's.
    """
    if len(inputs) != len(program.inputs):
        raise ShapeError(f"{len(inputs)} inputs given; the program was captured with {len(program.inputs)}")
    prepared: _Prepared = program.plan or _prepare(program)
    values = prepared.template.copy()
    for ref, value in zip(program.inputs, inputs, strict=True):
        values[ref.index] = value
    apply = algebra.apply
    for call in prepared.calls:
        kwargs = call.kwargs if call.pull_kwargs is None else call.pull_kwargs(values)
        result = apply(call.node, call.pull(values), kwargs)
        if call.outs is None:
            values[call.out] = result
        else:
            for slot, position in call.outs:
                values[slot] = result[position]
        for slot in call.last_use:
            values[slot] = None
    return values[program.output.index]


class Forward:
    """The algebra of plain tensors: every operation does what it says.

    Views become reshapes, because a value may have another memory layout than when it was captured
    (copies that only change the layout are not part of a program).
    """

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the operation.

        Args:
            node: The operation.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Returns:
            A tensor, or a sequence of tensors.
        """
        op = node.op
        if op is _VIEW or op is _UNSAFE_VIEW:
            return torch.reshape(args[0], args[1])
        return op(*args, **kwargs)


_VIEW = aten.view.default
_UNSAFE_VIEW = aten._unsafe_view.default
_FORWARD = Forward()


def replay(program: Program, inputs: Sequence[Tensor]) -> Tensor:
    """Evaluate a captured program.

    Differentiable by autograd and by nested ``torch.func`` transforms, usable under ``torch.vmap``
    (over points, each with batch size 1).

    Args:
        program: A captured program.
        inputs: One tensor per input, shaped as at capture.

    Returns:
        The output, shape (1,) for a scalar function captured at batch size 1.
    """
    return walk(program, inputs, _FORWARD)


class _Collect(Forward):
    """Plain tensors, every result kept."""

    def __init__(self) -> None:
        self.values: dict[int, Tensor] = {}

    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = super().apply(node, args, kwargs)
        if isinstance(node.out, Ref):
            self.values[node.out.index] = result
        else:
            self.values.update((ref.index, result[i]) for i, ref in enumerate(node.out) if ref is not None)
        return result


def values_at(program: Program, inputs: Sequence[Tensor]) -> dict[int, Tensor]:
    """Return every value of a program that depends on its inputs, by number, the inputs included."""
    collect = _Collect()
    with torch.no_grad():
        walk(program, inputs, collect)
    return {ref.index: x for ref, x in zip(program.inputs, inputs, strict=True)} | collect.values


def _prepare(program: Program) -> _Prepared:
    """Return a program with its slots laid out: values by number, then every literal argument; keep it."""
    numbers = [ref.index for ref in program.inputs] + list(program.constants)
    numbers += [ref.index for node in program.nodes for ref in leaves(Ref, node.out)]
    template: list[Any] = [None] * (max(numbers, default=-1) + 1)
    for index, tensor in program.constants.items():
        template[index] = tensor
    program.plan = _Prepared(template, [_call(node, template) for node in program.nodes])
    return program.plan


def _call(node: Node, template: list[Any]) -> _Call:
    """Return a node's call; its literal arguments are appended to the template."""
    dynamic = [not isinstance(a, Ref) and any(True for _ in leaves(Ref, a)) for a in node.args]
    if any(dynamic):
        args = node.args
        pull: Callable[[list[Any]], tuple[Any, ...]] = lambda values: map_leaves(  # noqa: E731
            Ref, lambda ref: values[ref.index], args
        )
        if len(args) and dynamic[0] and not any(dynamic[1:]) and _flat(args[0]):
            pull = _pull_list(args, template)
    else:
        pull = _pull_flat(node.args, template)
    pull_kwargs = None
    if any(True for _ in leaves(Ref, node.kwargs)):
        kwargs = node.kwargs
        pull_kwargs = lambda values: map_leaves(Ref, lambda ref: values[ref.index], kwargs)  # noqa: E731
    if isinstance(node.out, Ref):
        out, outs = node.out.index, None
    else:
        out = -1
        outs = tuple((ref.index, i) for i, ref in enumerate(node.out) if ref is not None)
    return _Call(node, pull, node.kwargs, pull_kwargs, out, outs, node.last_use)


def _flat(argument: Any) -> bool:
    """Return whether an argument is a list of values and literals, none of them nested further."""
    return isinstance(argument, (list, tuple)) and not any(
        isinstance(a, (list, tuple, dict)) for a in argument
    )


def _slot(argument: Any, template: list[Any]) -> int:
    """Return the slot an argument is read from; a literal gets one of its own."""
    if isinstance(argument, Ref):
        return argument.index
    template.append(argument)
    return len(template) - 1


def _pull_flat(args: tuple[Any, ...], template: list[Any]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Return the look-up of arguments that are values or literals, none nested: one itemgetter."""
    slots = [_slot(a, template) for a in args]
    if len(slots) == 0:
        return lambda values: ()
    if len(slots) == 1:
        slot = slots[0]
        return lambda values: (values[slot],)
    return itemgetter(*slots)


def _pull_list(args: tuple[Any, ...], template: list[Any]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Return the look-up of a list of values (cat, stack) followed by values or literals."""
    first = [_slot(a, template) for a in args[0]]
    rest = _pull_flat(args[1:], template)
    return lambda values: ([values[slot] for slot in first], *rest(values))

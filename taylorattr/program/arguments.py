"""Tensors and values inside the nested arguments of an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from torch._ops import OpOverload

from taylorattr.program.program import Node, Ref

T = TypeVar("T")

Arguments = dict[str, Any]
"""Arguments of an operation by their schema names, defaults filled in."""

_ATOMS = frozenset({int, float, bool, str, type(None)})


def map_leaves(kind: type[T], function: Callable[[T], Any], arguments: Any) -> Any:
    """Return the arguments with function applied to every leaf of one type.

    Args:
        kind: The type of leaf that is replaced.
        function: What replaces it.
        arguments: Tuples, lists and dicts of anything.
    """
    if isinstance(arguments, (tuple, list)):
        items = [  # most arguments are numbers: a recording asks hundreds of times
            item
            if type(item) in _ATOMS
            else function(item)
            if isinstance(item, kind)
            else map_leaves(kind, function, item)
            for item in arguments
        ]
        return items if type(arguments) is list else type(arguments)(items)
    if isinstance(arguments, dict):
        return {key: map_leaves(kind, function, item) for key, item in arguments.items()}
    return function(arguments) if isinstance(arguments, kind) else arguments


def leaves(kind: type[T], arguments: Any) -> Iterator[T]:
    """Yield every leaf of one type, in order, repeated as often as it occurs.

    Args:
        kind: The type looked for.
        arguments: Tuples, lists and dicts of anything.

    Yields:
        The leaves.
    """
    waiting = [arguments]
    while waiting:
        item = waiting.pop()
        if isinstance(item, kind):
            yield item
        elif isinstance(item, (tuple, list)):
            waiting.extend(reversed(item))
        elif isinstance(item, dict):
            waiting.extend(reversed(item.values()))


def operands(node: Node) -> list[int]:
    """Numbers of the values a node reads, in order, repeated as often as it reads them."""
    found: list[int] = []
    _collect(node.args, found)
    if node.kwargs:
        _collect(node.kwargs.values(), found)
    return found


def _collect(items: Iterable[Any], found: list[int]) -> None:
    for item in items:
        if isinstance(item, Ref):
            found.append(item.index)
        elif type(item) in _ATOMS:
            continue
        elif isinstance(item, (list, tuple)):
            _collect(item, found)
        elif isinstance(item, dict):
            _collect(item.values(), found)


def results(node: Node) -> list[int]:
    """Numbers of the values a node produces and somebody reads."""
    if isinstance(node.out, Ref):
        return [node.out.index]
    return [ref.index for ref in node.out if ref is not None]


def with_last_uses(nodes: Sequence[Node], output: int, constants: Iterable[int]) -> list[Node]:
    """Return the nodes with the values that no later node needs.

    Args:
        nodes: Operations in execution order.
        output: Number of the value that is never released.
        constants: Numbers of values that are never released.
    """
    released = {output, *constants}
    backwards: list[Node] = []
    for node in reversed(nodes):
        last = tuple(sorted({*operands(node), *results(node)} - released))
        released.update(last)
        kept = node.op, node.args, node.kwargs, node.out, node.module, node.where
        backwards.append(Node(*kept, last_use=last, shape=node.shape))
    return backwards[::-1]


def named(op: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Arguments:
    """Arguments of a call by name.

    Args:
        op: The operation.
        args: Positional arguments.
        kwargs: Keyword arguments.

    Returns:
        Name in the schema -> argument; defaults stand for what is not given.
    """
    schema = op._schema.arguments
    given = {a.name: a.default_value for a in schema if a.has_default_value()}
    given.update({a.name: value for a, value in zip(schema, args, strict=False)})
    return given | kwargs

"""Selections whose size depends on values: ``z[z > 0]``, ``masked_select``, ``nonzero``.

How many entries are selected differs from point to point, so no program of fixed shapes holds for them.
"""

from __future__ import annotations

from typing import Any

import torch

from taylorattr.autodiff.polynomial.builder import overload
from taylorattr.program.arguments import leaves
from taylorattr.program.program import Node, Program, Ref

_COMPARISONS = {
    "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "isneginf", "isposinf", "isreal",
    "isin", "signbit", "logical_and", "logical_or", "logical_xor", "logical_not", "any", "all", "isclose",
}  # fmt: skip
"""Operations whose result is boolean whatever they are given."""

_CARRIERS = {
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "view", "_unsafe_view", "reshape", "select",
    "slice", "unsqueeze", "squeeze", "expand", "permute", "transpose", "t", "clone", "alias", "detach", "cat",
    "stack", "flip", "roll", "repeat", "index_select", "gather", "split", "unbind", "diagonal", "tril",
    "triu",
}  # fmt: skip
"""Operations whose result is boolean where all they are given is."""

_INDEXED = {overload("index.Tensor"), overload("masked_select")}
_COUNTED = {overload("nonzero"), overload("argwhere")}


def value_dependent(program: Program) -> list[Node]:
    """Return the operations of a program whose result has a size that depends on the inputs' values.

    Args:
        program: A captured program.

    Returns:
        ``nonzero``, and the selections by a mask that depends on the inputs, in order.
    """
    masks: set[int] = set()
    found = []
    for node in program.nodes:
        if _boolean(node, masks, program.constants):
            masks.update(ref.index for ref in leaves(Ref, node.out))
        elif node.op in _COUNTED or (node.op in _INDEXED and _refers(node.args[1], masks)):
            found.append(node)
    return found


def _boolean(node: Node, masks: set[int], constants: dict[int, torch.Tensor]) -> bool:
    name = node.op._schema.name.split("::")[1]
    if name == "_to_copy":
        return node.kwargs.get("dtype") is torch.bool or (
            node.kwargs.get("dtype") is None and _refers(node.args, masks)
        )
    if name not in _CARRIERS:
        return name in _COMPARISONS
    return all(
        ref.index in masks or (ref.index in constants and constants[ref.index].dtype is torch.bool)
        for ref in leaves(Ref, [node.args[0], *(node.args[1:] if name.startswith("bitwise") else ())])
    )


def _refers(value: Any, numbers: set[int]) -> bool:
    return any(ref.index in numbers for ref in leaves(Ref, value))

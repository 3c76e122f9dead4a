"""The lowered form of a program, made once and kept with it; which programs have one.

Programs that select a number of entries that depends on values (``z[z > 0]``, ``masked_select``, ``nonzero``)
have none: they hold for one point only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from taylorattr.autodiff.polynomial import rules
from taylorattr.autodiff.polynomial.builder import RULES, describe, lower, overload
from taylorattr.autodiff.polynomial.steps import Plan
from taylorattr.errors import DtypeError, MissingRuleError
from taylorattr.program.arguments import leaves
from taylorattr.program.formulas import FORMULAS
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.written_out import without_formulas

__all__ = ["lowered", "rules", "supported"]


def lowered(program: Program, inputs: Sequence[Tensor]) -> Plan:
    """Return the program's primitive steps, prepared at the first call.

    Args:
        program: Captured at batch size 1, promoted to the dtype of the inputs.
        inputs: A point of the program, shapes as captured.

    Returns:
        The plan.

    Raises:
        DtypeError: If the inputs have another dtype than the program.
        MissingRuleError: If an operation has no rule; names operation, module and line.
    """  # noqa: DOC502 -- raised by what is called
    wanted = next((c.dtype for c in program.constants.values() if c.is_floating_point()), inputs[0].dtype)
    if inputs[0].dtype != wanted:
        raise DtypeError(
            f"inputs of {inputs[0].dtype} given to a program of {wanted}; convert the inputs, or promote the "
            "program to their dtype"
        )
    made_from = (id(program.nodes), id(program.constants))
    if program.lowered is None or program.lowered[0] != made_from:
        for node in value_dependent(program):
            raise MissingRuleError(
                f"no Taylor rule for {describe(node)}: how many entries it selects depends on the inputs; "
                "use engine='nested' (slow), or select with torch.where"
            )
        written = without_formulas(program, inputs, _WALKED)
        program.lowered = (made_from, lower(written, inputs))
    return program.lowered[1]


def supported(program: Program) -> list[Node]:
    """Return the operations that cannot be walked, in order; empty where the engine covers the program.

    They are those without a Taylor rule and those that select a number of entries that depends on values.
    """
    selections = {id(node) for node in value_dependent(program)}
    return [node for node in program.nodes if not _covered(node) or id(node) in selections]


_WALKED = frozenset(op.overloadpacket.__name__ for op in RULES)
"""Operations with a rule of their own; others are walked as their formula where they have one."""


_WALKED_AS_FORMULA = FORMULAS.keys() - _WALKED


def _covered(node: Node) -> bool:
    return node.op in RULES or node.op.overloadpacket.__name__ in _WALKED_AS_FORMULA


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

"""The lowered form of a program, made once and kept with it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from taylorattr.autodiff.polynomial import rules
from taylorattr.autodiff.polynomial.builder import RULES, describe, lower
from taylorattr.autodiff.polynomial.selection import value_dependent
from taylorattr.autodiff.polynomial.steps import Plan
from taylorattr.errors import DtypeError, MissingRuleError
from taylorattr.program.formulas import FORMULAS
from taylorattr.program.program import Node, Program
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


def _covered(node: Node) -> bool:
    return node.op in RULES or node.op.overloadpacket.__name__ in FORMULAS.keys() - _WALKED

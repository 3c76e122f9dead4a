"""The same program in another floating dtype."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import CaptureError
from taylorattr.program.arguments import leaves, map_leaves, results
from taylorattr.program.program import Node, Program, Ref
from taylorattr.program.walk import values_at

aten = torch.ops.aten

_COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64, torch.float16: torch.complex32}


def promote(program: Program, dtype: torch.dtype) -> Program:
    """Return the program with every floating tensor and dtype argument in one dtype.

    Constants that were computed while recording are computed again, so they carry no rounding of the
    narrower dtype; integer and boolean tensors keep theirs.

    Args:
        program: A recorded program.
        dtype: A floating dtype, usually float64.

    Returns:
        A program that takes inputs of that dtype. It has no prelude and no kept values.

    Raises:
        CaptureError: If the program looks at the bits of a number (``view`` with a dtype).
    """
    for node in (*program.prelude, *program.nodes):
        if node.op is aten.view.dtype:
            raise CaptureError(
                f"view({node.args[1]}) reads the bits of a tensor (module '{node.module}', {node.where}); "
                f"such a program holds in its own dtype only: pass dtype=None"
            )
    constants = {i: _cast(tensor, dtype) for i, tensor in program.constants.items()}
    sources = {i: _cast(tensor, dtype) for i, tensor in program.sources.items()}
    prelude = _converted(program.prelude, dtype)
    before = [*program.prelude, *program.constants.values(), *program.sources.values()]
    after = [*prelude, *constants.values(), *sources.values()]
    if any(new is not old for new, old in zip(after, before, strict=True)):
        constants |= _evaluate(prelude, constants | sources, constants.keys())
    return Program(
        inputs=program.inputs,
        constants=constants,
        nodes=_converted(program.nodes, dtype),
        output=program.output,
        notes=program.notes,
        learned=program.learned,
        unshared=program.unshared,
    )


def _evaluate(nodes: list[Node], known: dict[int, Tensor], wanted: Collection[int]) -> dict[int, Tensor]:
    """Values of operations between constants, by number."""
    if not nodes:
        return {}
    computed = {i for node in nodes for i in results(node)}
    leaves = {i: tensor for i, tensor in known.items() if i not in computed}
    values = values_at(Program((), leaves, nodes, Ref(results(nodes[-1])[0])), ())
    return {i: values[i] for i in wanted if i in computed}


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.is_floating_point():
        return tensor.to(dtype)
    return tensor.to(_COMPLEX[dtype]) if tensor.is_complex() else tensor


def _converted(nodes: Sequence[Node], dtype: torch.dtype) -> list[Node]:
    def convert(old: torch.dtype) -> Any:
        if old.is_floating_point:
            return dtype
        return _COMPLEX[dtype] if old.is_complex else old

    return [
        replace(
            node,
            args=map_leaves(torch.dtype, convert, node.args),
            kwargs=map_leaves(torch.dtype, convert, node.kwargs),
        )
        if any(convert(old) != old for old in leaves(torch.dtype, (node.args, node.kwargs)))
        else node
        for node in nodes
    ]

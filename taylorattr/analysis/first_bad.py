"""Where in a model a value that is not finite arises first."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.program.arguments import results
from taylorattr.program.record import record


def first_bad_operation(scalar: ScalarModel, row: tuple[Tensor, ...], example: int) -> str:
    """Return the first operation with a result of the kind that reaches the output.

    For an output that is NaN the first NaN, else the first infinity; attention masks hold infinities that do
    no harm.

    Args:
        scalar: The model.
        row: Inputs (1, …) at which its output is not finite.
        example: Whose target and extra arguments are used.

    Returns:
        Such as ``in aten.log.default (module 'norm', net.py:12)``; empty where the operations cannot be told,
        or the target picks the value out of an output that is made elsewhere.
    """
    module = scalar.modules[0] if len(scalar.modules) == 1 else None
    examples = torch.tensor([example])
    try:
        program = record(lambda *xs: scalar.values(xs, examples), row, module=module, keep_values=True)
    except Exception:  # an explanation beside the error; a model need not be recordable
        return ""
    output = program.values.get(program.output.index)
    wrong = torch.isnan if output is None or bool(torch.isnan(output).any()) else torch.isinf
    for node in program.nodes:
        for index in results(node):
            value = program.values.get(index)
            if value is not None and value.is_floating_point() and bool(wrong(value).any()):
                named = f"module {node.module!r}, " if node.module else ""
                return f"in {node.op} ({named}{node.where or 'no source line'})"
    return ""

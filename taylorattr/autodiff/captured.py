"""Programs of a scalar model that can be walked, and whether one serves another example."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.autodiff.polynomial.engine import supported
from taylorattr.autodiff.polynomial.lowered import lowered
from taylorattr.errors import MissingRuleError
from taylorattr.program.capture import capture
from taylorattr.program.program import Program
from taylorattr.program.walk import replay

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""

BETWEEN = 16
"""Points from b to x where a program that branches on values is compared with the model."""

AGREEMENT = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Largest relative difference between a program and the model at another example's point."""


def capture_at(
    scalar: ScalarModel, point: Rows, example: int, second_point: Rows | None = None
) -> Program | str:
    """Capture f of one example for walks, in the dtype of the analysis.

    A guard such as ``if x.isnan().any()`` does no harm; a branch taken differently on the way does.

    Args:
        scalar: The model.
        point: Where to capture, tensors (1, …).
        example: Whose target and extra arguments are used.
        second_point: The program must hold from point to here; None: near the point is enough.

    Returns:
        The program, or why there is none that can be walked.

    Raises:
        OutOfMemoryError: As torch raises it.
    """
    native = tuple(p.to(scalar.native) for p in point)
    other = None if second_point is None else tuple(p.to(scalar.native) for p in second_point)
    try:
        program = capture(
            scalar.native_function(example),
            native,
            module=scalar.native_module,
            second_point=other,
            dtype=scalar.dtype,
        )
        missing = supported(program)
        if missing:
            node = missing[0]
            return f"{node.op} has no Taylor rule (module {node.module or '-'}, {node.where or '?'})"
        lowered(program, point)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, MissingRuleError) as error:  # also the model's own, where it runs in one dtype only
        return str(error)
    if (
        program.notes
        and second_point is not None
        and not _holds_between(program, scalar, point, second_point, example)
    ):
        note = program.notes[0]
        return f"{note.op} takes another branch on the way (module {note.module or '-'}, {note.where})"
    return program


@torch.no_grad()
def _holds_between(program: Program, scalar: ScalarModel, a: Rows, b: Rows, example: int) -> bool:
    """Return whether a program that branches on values or reads them gives the model's from a to b."""
    which = torch.tensor([example])
    for share in torch.linspace(0, 1, BETWEEN, dtype=torch.float64).tolist():
        spot = tuple(torch.lerp(p, q, share) for p, q in zip(a, b, strict=True))
        if not _same(program, spot, scalar.values(spot, which)[0], scalar.dtype):
            return False
    return True


def _same(program: Program, point: Rows, value: Tensor, dtype: torch.dtype) -> bool:
    tolerance = AGREEMENT.get(dtype, 1e-2) * max(abs(float(value)), 1e-30)
    return abs(float(replay(program, point)[0]) - float(value)) <= tolerance


@torch.no_grad()
def holds_at(program: Program, scalar: ScalarModel, point: Rows, value: Tensor) -> bool:
    """Return whether a program captured for another example gives f = value at a point (1, …)."""
    return not scalar.varies and not program.notes and _same(program, point, value, scalar.dtype)

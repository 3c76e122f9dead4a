"""Do torch's derivatives follow a function's values? Asked before nested derivatives are believed.

Differentiation sees no value that leaves torch (``.item()``, ``.numpy()``), passes ``detach`` or ``no_grad``,
or meets an operation without derivative or with a backward pass that is not its derivative. What it then
returns looks like any other number, often zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from taylorattr.errors import CaptureError

Derivative = TypeVar("Derivative")

DISTANCES = (1e-3, 0.5)
"""How far from the expansion point, in units of the way to the far end, the two are compared: at the point
itself a kink may lie (ReLU of 0), where a difference is no derivative."""

RELATIVE = 1e-3
"""Difference allowed, relative to the larger of the two."""


def require_true_gradient(function: Callable[[Tensor], Tensor], like: Tensor, eps: float) -> None:
    """Compare a directional derivative with a central difference at two generic points.

    Args:
        function: (n,) -> (), differentiable by ``torch.func``.
        like: Expansion point, (n,).
        eps: Rounding of the coarsest dtype the function computes in.

    Raises:
        CaptureError: If they differ beyond truncation and rounding, or torch cannot differentiate.
    """
    generator = torch.Generator().manual_seed(0)
    step = eps ** (1 / 3)
    for distance in DISTANCES:
        offset, direction = torch.rand(2, len(like), generator=generator, dtype=torch.float64).to(like)
        at = like + distance * offset
        with torch.no_grad():
            ahead, behind = (function(at + sign * step * direction) for sign in (1, -1))
        slope = float((ahead - behind) / (2 * step))
        found = float(differentiated(lambda t: torch.func.grad(function)(t), at) @ direction)
        rounding = 1e4 * eps * float(torch.maximum(ahead.abs(), behind.abs())) / step
        if not torch.isfinite(torch.tensor([slope, found])).all():
            continue
        if abs(found - slope) > RELATIVE * max(abs(found), abs(slope)) + rounding:
            raise CaptureError(
                f"torch differentiates the model to {found:.6g} where its values change by {slope:.6g}: a "
                "value escapes differentiation (item, numpy, detach, no_grad), or an operation has no "
                "derivative or a custom backward pass that is not its own. Keep the computation in torch "
                "operations, or use ta.harsanyi, which needs forwards only"
            )


def differentiated(derivative: Callable[[Tensor], Derivative], at: Tensor) -> Derivative:
    """Return a derivative at a point; torch's refusals become one of ours.

    Args:
        derivative: Made by ``torch.func``.
        at: Where, (n,).

    Raises:
        CaptureError: If torch has no derivative of an operation, or cannot batch it.
        OutOfMemoryError: As torch raises it.
    """
    try:
        return derivative(at)
    except (CaptureError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise CaptureError(
            f"torch cannot differentiate the model as often as asked: {first}. Lower order=, write the "
            "operation in elementary ones, or use ta.harsanyi, which needs forwards only"
        ) from error
